#include "cli/key.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/text.h"

#define FILE_MAX_BYTES 256

static enum err decode(struct span text, uint8_t key[ESDK_KEY_BYTES])
{
	struct buf out = buf_over(key, ESDK_KEY_BYTES);
	while (text.len && (text.p[text.len - 1] == '\n' || text.p[text.len - 1] == '\r'))
		text.len--;
	text = span_trim(text);
	enum err e =
		text.len == 2 * ESDK_KEY_BYTES ? text_read_hex(text, &out) : text_read_base64(text, &out);
	return e || out.overflow || out.len != ESDK_KEY_BYTES ? ERR_SYNTAX : ERR_OK;
}

enum err key_read(const char *path, uint8_t key[ESDK_KEY_BYTES])
{
	char text[FILE_MAX_BYTES + 1];
	FILE *f = fopen(path, "r");
	if (!f)
		return ERR_SYSTEM;
	setbuf(f, NULL); /* no copy of the key stays in a buffer of the library */
	size_t n = fread(text, 1, sizeof(text), f);
	enum err e = ferror(f) ? ERR_SYSTEM : n > FILE_MAX_BYTES ? ERR_SYNTAX : decode(span_of(text, n), key);
	fclose(f);
	wipe(text, sizeof(text));
	if (e)
		wipe(key, ESDK_KEY_BYTES);
	return e;
}

/* conf_settings: a configuration as the appliance reads it: its settings, or the line and key it refuses.
 *
 *   conf_settings FILE
 *   "key = value" lines, exit code 0; "line N: KEY: why", exit code 1 */
#include <stdio.h>

#include "base/conf_show.h"

static uint8_t text[CONF_MAX_BYTES + 1];
static struct settings settings;

int main(int argc, char **argv)
{
	FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
	if (!f) {
		fprintf(stderr, "usage: conf_settings FILE\n");
		return 2;
	}
	size_t len = fread(text, 1, sizeof(text), f);
	fclose(f);
	struct conf_error at;
	enum err e = conf_read(span_of(text, len), &settings, &at);
	if (e) {
		printf("line %u: %s: %s\n", at.line, at.key, err_text(e));
		return 1;
	}
	static uint8_t room[CONF_VALUE_MAX];
	struct buf value = buf_over(room, sizeof(room));
	struct conf_cursor cursor = {0};
	const char *key;
	while (conf_show(&settings, &cursor, &key, &value))
		printf("%s = %.*s\n", key, (int)value.len, (const char *)value.p);
	return 0;
}

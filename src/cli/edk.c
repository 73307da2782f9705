#include "cli/edk.h"

#include <stdio.h>

#include "aws/json.h"
#include "base/text.h"
#include "cli/say.h"

/* Each character of a context may become six; the shell's quoting four of one. */
#define JSON_MAX_BYTES (65536u * 6 * 4)

static uint8_t json_bytes[JSON_MAX_BYTES], quoted_bytes[JSON_MAX_BYTES];

static void print(struct span s)
{
	fwrite(s.p, 1, s.len, stdout);
}

/* Bytes of strangers: as JSON string where they are text, else hexadecimal. */
static void print_text(struct span s)
{
	struct buf b = BUF_OF(json_bytes);
	if (text_is_utf8(s))
		json_put_string(&b, s);
	else
		text_hex(&b, s);
	print(buf_span(&b));
}

/* In single quotes, for a POSIX shell. */
static void print_quoted(struct span s)
{
	struct buf b = BUF_OF(quoted_bytes);
	buf_u8(&b, '\'');
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '\'')
			buf_str(&b, "'\\''");
		else
			buf_u8(&b, s.p[i]);
	}
	buf_u8(&b, '\'');
	print(buf_span(&b));
}

static struct span context_json(struct span aad)
{
	struct buf b = BUF_OF(json_bytes);
	struct span key, value;
	size_t at = 0;
	buf_u8(&b, '{');
	while (!esdk_header_context(aad, &at, &key, &value)) {
		buf_str(&b, b.len > 1 ? "," : "");
		json_put_string(&b, key);
		buf_u8(&b, ':');
		json_put_string(&b, value);
	}
	buf_u8(&b, '}');
	return buf_span(&b);
}

static void print_base64(struct span s)
{
	struct buf b = BUF_OF(quoted_bytes);
	text_base64(&b, s);
	print(buf_span(&b));
}

static void show_context(struct span aad)
{
	struct span key, value;
	size_t at = 0;
	printf("encryption context:\n");
	while (!esdk_header_context(aad, &at, &key, &value)) {
		printf("  ");
		print_text(key);
		printf(" = ");
		print_text(value);
		printf("\n");
	}
}

static void show_command(const struct esdk_header *h, const struct esdk_edk *edk)
{
	printf("  to get the data key (needs kms:Decrypt):\n    echo ");
	print_base64(edk->ciphertext);
	printf(" | base64 -d >edk.bin\n    aws kms decrypt --key-id ");
	print_quoted(edk->info);
	printf(" --ciphertext-blob fileb://edk.bin --encryption-context ");
	print_quoted(context_json(h->aad));
	printf(" --query Plaintext --output text >data.key\n");
}

int edk_show(const struct esdk_header *h, const char *name)
{
	struct esdk_edk edk;
	size_t at = 0;
	unsigned n = 0;
	printf("%s: AWS Encryption SDK message, suite 0x%04x, frame length %u\n", say_text(span_str(name)),
	       h->suite, h->frame_bytes);
	show_context(h->aad);
	while (!esdk_header_edk(h->edks, &at, &edk)) {
		printf("encrypted data key %u:\n  provider ", ++n);
		print_text(edk.provider);
		printf("\n  key ");
		print_text(edk.info);
		printf("\n  ciphertext ");
		print_base64(edk.ciphertext);
		printf("\n");
		if (span_eq(edk.provider, SPAN("aws-kms")) && text_is_printable(edk.info))
			show_command(h, &edk);
	}
	return fflush(stdout) || ferror(stdout) ? -1 : 0;
}

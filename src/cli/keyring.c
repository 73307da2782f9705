#include "cli/keyring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aws/endpoint.h"
#include "aws/kms_decrypt.h"
#include "base/time.h"
#include "cli/key.h"
#include "cli/say.h"
#include "cli/session.h"
#include "lib/sha.h"
#include "os/clock.h"
#include "record/esdk_raw_aes.h"

_Static_assert(ESDK_KEY_BYTES == KMS_KEY_BYTES, "one length of data keys");

#define DENIALS 256
#define DENIAL_KEEP_NS (60 * NS_PER_S) /* rights may be given meanwhile */

static struct {
	bool begun;
	struct {
		uint8_t of[SHA256_BYTES]; /* the encrypted key and its context */
		uint8_t key[ESDK_KEY_BYTES];
	} held[KEYRING_MAX];
	struct {
		uint8_t of[SHA256_BYTES];
		uint64_t at_ns; /* monotonic */
	} denial[DENIALS];
	uint32_t denials;
	uint32_t count, next;          /* next: to be replaced, once all are in use */
	char name[KEYRING_NAMES][256]; /* of KMS keys */
	uint32_t names;
	uint64_t more_names;
	bool file_read;
	uint8_t file_key[ESDK_KEY_BYTES];
	uint8_t body[KMS_DECRYPT_BODY_MAX];
	uint8_t answer[KMS_DECRYPT_ANSWER_MAX];
} g;

void keyring_wipe(void)
{
	wipe(g.held, sizeof(g.held[0]) * g.count);
	wipe(g.file_key, sizeof(g.file_key));
	wipe(g.answer, sizeof(g.answer));
	g.count = g.next = 0;
	g.file_read = false;
}

/* ---- the operator's key file */

static enum exit_status read_file(const char *path)
{
	enum err e = g.file_read ? ERR_OK : key_read(path, g.file_key);
	g.file_read = !e;
	if (e == ERR_SYSTEM)
		return say(EXIT_NO_INPUT, "%s: can't read: %s", path, strerror(errno));
	return e ? say(EXIT_WRONG_USAGE, "%s: not a key: 32 bytes in hexadecimal or base64 are wanted", path)
		 : EXIT_DONE;
}

/* It unwraps one of the header's keys, or is the data key itself: then the key commitment decides. */
static enum exit_status from_file(const struct esdk_header *h, const char *path,
				  uint8_t data_key[ESDK_KEY_BYTES])
{
	struct esdk_edk edk;
	size_t at = 0;
	enum exit_status s = read_file(path);
	if (s)
		return s;
	while (!esdk_header_edk(h->edks, &at, &edk))
		if (!esdk_raw_aes_unwrap(&edk, span_of(g.file_key, sizeof(g.file_key)), h->aad, data_key))
			return EXIT_DONE;
	memcpy(data_key, g.file_key, ESDK_KEY_BYTES);
	return EXIT_DONE;
}

/* ---- KMS */

static void mark(const struct esdk_edk *edk, struct span aad, uint8_t of[SHA256_BYTES])
{
	struct sha256 sha;
	sha256_init(&sha);
	sha256_update(&sha, edk->info);
	sha256_update(&sha, edk->ciphertext);
	sha256_update(&sha, aad);
	sha256_final(&sha, of);
}

static bool find(const uint8_t of[SHA256_BYTES], uint8_t data_key[ESDK_KEY_BYTES])
{
	for (uint32_t i = 0; i < g.count; i++) {
		if (memcmp(g.held[i].of, of, SHA256_BYTES) == 0) {
			memcpy(data_key, g.held[i].key, ESDK_KEY_BYTES);
			return true;
		}
	}
	return false;
}

static void hold(const uint8_t of[SHA256_BYTES], const uint8_t data_key[ESDK_KEY_BYTES])
{
	uint32_t i = g.count < KEYRING_MAX ? g.count++ : g.next++ % KEYRING_MAX;
	memcpy(g.held[i].of, of, SHA256_BYTES);
	memcpy(g.held[i].key, data_key, ESDK_KEY_BYTES);
}

/* KMS decides by its key and the context; what it denies it denies for every number of a data key. The
 * context stays in its serialised form, whose lengths keep one from looking like another. */
static void mark_denial(const struct esdk_edk *edk, struct span aad, uint8_t of[SHA256_BYTES])
{
	struct sha256 sha;
	struct span key, value, before = aad, behind = SPAN("");
	size_t at = 0, from = 0;
	uint8_t len[2] = {(uint8_t)(edk->info.len >> 8), (uint8_t)edk->info.len};
	while (!esdk_header_context(aad, &at, &key, &value)) {
		if (span_eq(key, SPAN("sealtap-keyseq"))) {
			before = span_first(aad, from);
			behind = span_from(aad, at);
		}
		from = at;
	}
	sha256_init(&sha);
	sha256_update(&sha, span_of(len, sizeof(len)));
	sha256_update(&sha, edk->info);
	sha256_update(&sha, before);
	sha256_update(&sha, behind);
	sha256_final(&sha, of);
}

static bool is_denied(const uint8_t of[SHA256_BYTES])
{
	uint64_t now_ns = clock_mono_ns();
	for (uint32_t i = 0; i < DENIALS && i < g.denials; i++)
		if (now_ns - g.denial[i].at_ns < DENIAL_KEEP_NS &&
		    memcmp(g.denial[i].of, of, SHA256_BYTES) == 0)
			return true;
	return false;
}

static void keep_denial(const uint8_t of[SHA256_BYTES])
{
	uint32_t i = g.denials++ % DENIALS;
	memcpy(g.denial[i].of, of, SHA256_BYTES);
	g.denial[i].at_ns = clock_mono_ns();
}

static void note_name(struct span arn)
{
	for (uint32_t i = 0; i < g.names; i++)
		if (span_eq(arn, span_str(g.name[i])))
			return;
	if (g.names == KEYRING_NAMES || arn.len >= sizeof(g.name[0])) {
		g.more_names++;
		return;
	}
	memcpy(g.name[g.names], arn.p, arn.len);
	g.name[g.names++][arn.len] = 0;
}

const char *keyring_name(uint32_t i, uint64_t *more)
{
	*more = g.more_names;
	return i < g.names ? g.name[i] : NULL;
}

static enum exit_status say_refused(const struct call *c, const struct esdk_edk *edk, struct span name)
{
	char needs[320] = "kms:Decrypt on ";
	struct buf b = buf_over(needs, sizeof(needs) - 1);
	b.len = strlen(needs);
	buf_put(&b, edk->info);
	needs[b.len] = 0;
	if (!strcmp(c->fault.code, "InvalidCiphertextException") ||
	    !strcmp(c->fault.code, "IncorrectKeyException"))
		return say(
			EXIT_DAMAGED,
			"%s: KMS finds that its encrypted data key, key and encryption context do not belong "
			"together: the header was altered or damaged",
			say_text(name));
	return call_say(c, "get the data key of", name, needs);
}

static enum exit_status ask(const struct esdk_edk *edk, struct span aad, struct span name,
			    uint8_t data_key[ESDK_KEY_BYTES])
{
	const struct sigv4_header headers[] = {
		{SPAN("Content-Type"), SPAN("application/x-amz-json-1.1")},
		{SPAN("X-Amz-Target"), SPAN(KMS_DECRYPT_TARGET)},
	};
	struct buf body = BUF_OF(g.body);
	struct kms_arn arn;
	char region[32];
	if (endpoint_kms_arn(edk->info, &arn) || arn.region.len >= sizeof(region))
		return say(EXIT_DAMAGED, "%s: its data key is of no KMS key that is known here: %s",
			   say_text(name), say_text(edk->info));
	memcpy(region, arn.region.p, arn.region.len);
	region[arn.region.len] = 0;
	if (kms_decrypt_body(edk->info, aad, edk->ciphertext, &body))
		return say(EXIT_DAMAGED, "%s: its encryption context is none that KMS takes", say_text(name));
	struct call c = {
		.service = "kms",
		.region = region,
		.method = "POST",
		.path = SPAN("/"),
		.headers = headers,
		.header_count = 2,
		.body = buf_span(&body),
		.to = g.answer,
		.to_bytes = sizeof(g.answer),
	};
	if (call_run(&c))
		return say_refused(&c, edk, name);
	enum err e = kms_decrypt_answer(c.answer, edk->info, data_key);
	wipe(g.answer, sizeof(g.answer));
	return e ? say(EXIT_UNAVAILABLE, "%s: the answer is none of KMS': %s", say_text(name), err_text(e))
		 : EXIT_DONE;
}

enum exit_status keyring_get(const struct esdk_header *h, struct span name, uint8_t data_key[ESDK_KEY_BYTES])
{
	const char *file = session_names()->key_file;
	struct esdk_edk edk;
	size_t at = 0;
	enum exit_status s = EXIT_NOT_SET_UP;
	if (!g.begun)
		atexit(keyring_wipe);
	g.begun = true;
	if (file)
		return from_file(h, file, data_key);
	bool asked = false;
	while (s && !esdk_header_edk(h->edks, &at, &edk)) {
		uint8_t of[SHA256_BYTES], denial[SHA256_BYTES];
		if (!span_eq(edk.provider, SPAN("aws-kms")))
			continue;
		asked = true;
		mark(&edk, h->aad, of);
		if (find(of, data_key))
			return EXIT_DONE;
		mark_denial(&edk, h->aad, denial);
		if (is_denied(denial)) {
			s = say(EXIT_DENIED,
				"%s: KMS denied another object's data key of that key and context",
				say_text(name));
			continue;
		}
		s = ask(&edk, h->aad, name, data_key);
		if (s == EXIT_DENIED)
			keep_denial(denial);
		if (s)
			continue;
		hold(of, data_key);
		note_name(edk.info);
	}
	if (!asked)
		return say(EXIT_NOT_SET_UP, "%s: no KMS key opens it; give its key by --key KEYFILE",
			   say_text(name));
	return s;
}

/* esdk: messages of the Encryption SDK. Input: how it is cut; bit 7 set: the rest is a content that is
 * sealed, read back in pieces, and refused with any byte changed; else it is the message. */
#include "record/esdk_raw_aes.h"
#include "record/esdk_read.h"

#include "fuzz.h"

static const uint8_t data_key[ESDK_KEY_BYTES] = {1, 2, 3}, id[ESDK_ID_BYTES] = {4};
static struct esdk writer;
static struct esdk_reader reader;
static uint8_t frame[4096 + AEAD_TAG_BYTES], message[8192], opened[4096];

static void walk_header(const struct esdk_header *h)
{
	struct span key, value, header = span_of(reader.bytes, sizeof(reader.bytes));
	struct esdk_edk edk;
	unsigned n = 0;
	uint8_t out[ESDK_KEY_BYTES];
	for (size_t at = 0; !esdk_header_context(h->aad, &at, &key, &value);)
		MUST(fuzz_within(key, header) && fuzz_within(value, header));
	for (size_t at = 0; !esdk_header_edk(h->edks, &at, &edk); n++) {
		MUST(fuzz_within(edk.provider, header) && fuzz_within(edk.info, header));
		MUST(fuzz_within(edk.ciphertext, header));
		MUST(esdk_raw_aes_unwrap(&edk, span_of(data_key, 32), h->aad, out));
	}
	MUST(n == h->edk_count);
}

/* The end of the reading; what was opened is in *out. */
static enum err read_in(struct span in, uint32_t seed, struct buf *out)
{
	enum esdk_read_event event = ESDK_READ_HEADER;
	enum err e = ERR_MORE;
	esdk_read_begin(&reader, frame, sizeof(frame));
	while (e == ERR_MORE && in.len) {
		struct span piece = fuzz_piece(&in, &seed);
		while (!(e = esdk_read(&reader, &piece, &event))) {
			if (event == ESDK_READ_HEADER) {
				walk_header(&reader.header);
				TRY(esdk_read_key(&reader, data_key));
			} else if (event == ESDK_READ_CONTENT) {
				MUST(reader.content.len <= sizeof(frame));
				buf_put(out, reader.content);
			}
		}
	}
	return e == ERR_MORE ? esdk_read_end(&reader) : e;
}

static struct span seal(struct span content)
{
	struct buf out = BUF_OF(message);
	struct esdk_edk edk = {SPAN("aws-kms"), SPAN("arn"), SPAN("blob")};
	MUST(!esdk_begin(&writer, data_key, id, SPAN("\0\1\0\1a\0\1b"), &edk, &out));
	MUST(!esdk_write(&writer, content, &out) && !esdk_end(&writer, &out));
	return buf_span(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	uint8_t how = fuzz_byte(&in);
	struct buf whole = BUF_OF(opened);
	if (in.len > sizeof(opened))
		return 0;
	if (how < 0x80) {
		enum err e = read_in(in, 0, &whole);
		whole.len = 0;
		MUST(read_in(in, how, &whole) == e);
		return 0;
	}
	struct span sealed = seal(in);
	MUST(read_in(sealed, how, &whole) == ERR_OK && span_eq(buf_span(&whole), in));
	message[how * 31u % sealed.len] ^= (uint8_t)(1 + how % 255);
	buf_reset(&whole);
	MUST(read_in(sealed, how, &whole) != ERR_OK);
	return 0;
}

/* inspect: an object that anybody may have written, looked at whole; what is inside of it, sealed under a
 * right key; lines of its log, told to the ledger.
 *
 * Input: a byte (0: the object's bytes; 1: the content of a packets object, 2: of a log object; 3: a line
 * of the log), one that says how it is cut, the bytes.
 */
#include "record/inspect.h"
#include "record/ledger_line.h"

#include "fuzz.h"

static struct inspect in;
static struct ledger ledger;
static struct ledger_entry entries[2];
static const uint8_t data_key[32] = {1};

static void on_line(void *arg, struct span text)
{
	(void)arg;
	ledger_line_read(&ledger, 0, 7, text);
}

static void on_finding(void *arg, const struct ledger_finding *f)
{
	(void)arg;
	MUST(f->kind && f->text && f->severity < LEDGER_SEVERITIES);
	MUST(f->entry == LEDGER_NONE || f->entry < 2);
}

static uint32_t on_find(void *arg, struct span name, struct inspect_name *n)
{
	(void)arg;
	memset(n, 0, sizeof(*n));
	return name.len % 3 ? name.len % 2 : LEDGER_NONE;
}

static uint32_t look(struct span bytes, uint8_t kind, uint32_t seed)
{
	struct object_meta meta = {.first_ns = 5, .sig_len = 3};
	struct inspect_name name = {.full = SPAN("p/name"), .boot = 7, .stream = "w0", .kind = kind};
	uint32_t cut = seed;
	in.line = on_line;
	inspect_begin(&in, &name, INSPECT_META_WHOLE, &meta, false);
	while (bytes.len) {
		struct span piece = seed ? fuzz_piece(&bytes, &cut) : bytes;
		bytes = seed ? bytes : span_from(bytes, bytes.len);
		while (inspect_feed(&in, &piece) == INSPECT_WANTS_KEY)
			inspect_key(&in, data_key);
		MUST(piece.len == 0);
	}
	inspect_end(&in, UINT64_MAX, NULL);
	return in.flaws;
}

static struct span seal(struct span content)
{
	static struct esdk message;
	static uint8_t sealed[1 << 20];
	static const uint8_t id[32] = {2};
	struct esdk_edk edk = {SPAN("aws-kms"), SPAN("arn"), SPAN("blob")};
	struct buf out = BUF_OF(sealed);
	content = span_first(content, 1 << 19);
	MUST(!esdk_begin(&message, data_key, id, SPAN("\0\1\0\1a\0\1b"), &edk, &out));
	MUST(!esdk_write(&message, content, &out) && !esdk_end(&message, &out));
	return buf_span(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_of(data, size);
	uint8_t what = fuzz_byte(&bytes) % 4, seed = fuzz_byte(&bytes);
	struct inspect_name name = {.boot = 7, .stream = "log", .kind = OBJECT_LOG};
	memset(entries, 0, sizeof(entries));
	ledger.entries = entries;
	ledger.entry_count = 2;
	ledger.finding = on_finding;
	ledger.find = on_find;
	ledger_begin(&ledger);
	ledger_enter(&ledger, &name);
	if (what == 3) {
		on_line(NULL, bytes);
		ledger_end(&ledger);
		return 0;
	}
	bytes = what ? seal(bytes) : bytes;
	uint8_t kind = what == 2 ? OBJECT_LOG : OBJECT_PACKETS;
	uint32_t flaws = look(bytes, kind, 0);
	MUST(flaws); /* its hash is not that of the metadata */
	MUST(look(bytes, kind, seed | 1u) == flaws);
	struct ledger_object o = {.inspect = &in};
	ledger_object(&ledger, &o);
	ledger_end(&ledger);
	return 0;
}

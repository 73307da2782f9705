/* meta: an object's metadata as another process made it: where it is sane, all that reads it stays inside.
 * Input: the struct's bytes, short ones filled with zeros. */
#include "record/object.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Alone in its allocation, so that a step outside is seen. */
	struct object_meta *m = calloc(1, sizeof(*m));
	uint8_t text[1024], value[128];
	struct buf out = BUF_OF(text), v = BUF_OF(value);
	const char *name;
	MUST(m);
	if (size)
		memcpy(m, data, size < sizeof(*m) ? size : sizeof(*m));
	if (object_meta_sane(m)) {
		MUST(!object_signed_text(m, &out) && span_starts(buf_span(&out), SPAN("name:")));
		for (unsigned i = 0; object_meta_field(m, i, true, &name, &v); i++) {
			MUST(!v.overflow && v.len < sizeof(value) && strlen(name) < 32);
			buf_reset(&v);
		}
		struct object_identity id = {.prefix = "p", .account = "1", .region = "r", .appliance = "a"};
		if (!object_name(&id, m)) {
			MUST_END(m->name);
			MUST(fuzz_printable(m->name));
		}
	}
	free(m);
	return 0;
}

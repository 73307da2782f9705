/* ring_walk: a hostile block: what packets point to lies in it, and the walk ends. Input: the block. */
#include "record/ring_walk.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span block = span_of(data, size);
	struct ring_walk w;
	struct ring_packet p;
	uint64_t packets = 0;
	volatile uint8_t sum = 0;
	enum err e = ring_walk_begin(&w, block);
	if (e)
		return 0;
	while (!(e = ring_walk_next(&w, &p))) {
		MUST(fuzz_within(p.head, block) && fuzz_within(p.tail, block));
		MUST(p.cap_len == p.head.len + p.tail.len + (p.vlan ? 4 : 0) && p.cap_len <= p.len);
		MUST(p.vlan ? p.head.len == 12 : p.head.len == 0);
		for (size_t i = 0; i < p.tail.len; i += 64)
			sum = (uint8_t)(sum + p.tail.p[i]);
		MUST(++packets <= w.packets && packets <= size);
	}
	MUST(e == (packets == w.packets ? ERR_NOT_FOUND : ERR_SYNTAX));
	MUST(ring_walk_next(&w, &p) == e);
	return 0;
}

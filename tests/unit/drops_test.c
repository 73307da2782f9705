#include "check.h"

#include "base/time.h"
#include "role/capture/drops.h"

static void span_of_a_block(void)
{
	const uint64_t real_ns = 1795755954 * NS_PER_S, mono_ns = 1000 * NS_PER_S;
	CHECK(drops_began_ns(real_ns - 60 * NS_PER_MS, real_ns, mono_ns) == mono_ns - 60 * NS_PER_MS);
	CHECK(drops_began_ns(real_ns, real_ns, mono_ns) == mono_ns);
	CHECK(drops_began_ns(real_ns + 3600 * NS_PER_S, real_ns, mono_ns) == mono_ns);
	/* 0 would say that nothing is to be told */
	CHECK(drops_began_ns(real_ns - 1000 * NS_PER_S, real_ns, mono_ns) == 1);
	CHECK(drops_began_ns(0, real_ns, mono_ns) == 1);
}

int main(void)
{
	RUN(span_of_a_block,
	    "packets of a block that is given up are lost from their own time on, whatever the clock did");
	return check_done();
}

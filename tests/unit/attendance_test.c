#include "check.h"

#include "role/init/attendance.h"

/* Whose word ends the shipping: a bit for each role. */
static unsigned who_ends(bool spool_drained, bool late)
{
	unsigned bits = 0;
	for (uint32_t role = ROLE_INIT; role < ROLE_COUNT; role++) {
		struct roster_child c = {.role = (enum role_id)role};
		bits |= (unsigned)attendance_shipped(&c, spool_drained, late) << role;
	}
	return bits;
}

static void only_who_ships_or_keeps_ends_the_shipping(void)
{
	CHECK(who_ends(true, false) == 1u << ROLE_UPLOAD);
	CHECK(who_ends(false, false) == 0);
	CHECK(who_ends(true, true) == (1u << ROLE_UPLOAD | 1u << ROLE_SPOOL));
	CHECK(who_ends(false, true) == 1u << ROLE_SPOOL); /* what it has in memory is not shipped */
}

int main(void)
{
	RUN(only_who_ships_or_keeps_ends_the_shipping,
	    "the shipping ends by upload's word or, when time is short, the spool's: by no other role's");
	return check_done();
}

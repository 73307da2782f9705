#include "base/err.h"

static const char *const texts[] = {
#define X(name, text) [name] = (text),
	ERR_LIST(X)
#undef X
};

const char *err_text(enum err e)
{
	unsigned i = (unsigned)e;
	return i < ERR_COUNT ? texts[i] : "unknown error";
}

_Noreturn void trap(void)
{
	__builtin_trap();
}

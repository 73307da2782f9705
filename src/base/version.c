#include "base/version.h"

const char version_text[] = VERSION;
const uint64_t version_time_s = BUILD_TIME_S;

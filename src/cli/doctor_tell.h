/* doctor_tell: beginning and end of the report; findings are cli/doctor.h's. */
#ifndef SEALTAP_CLI_DOCTOR_TELL_H
#define SEALTAP_CLI_DOCTOR_TELL_H

#include "cli/doctor.h"

/* json: one object a line. */
void doctor_tell_begin(bool json);
/* The sum, and the exit status: 0 all ok, 1 warnings, 2 problems. */
enum exit_status doctor_tell_end(void);

#endif

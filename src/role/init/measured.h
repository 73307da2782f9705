/* measured: what the firmware measured before this kernel ran, and whether that is the file the image says it
 * is: a line of the console and of the log for each bank of the TPM.
 *
 * `measured bank=sha256 secure_boot=on pcr4=.. pcr7=.. pcr12=.. expected4=.. agree=yes`; the warning
 * measured-differs where the two differ; `measured tpm=none` where there is no TPM. Who changed the image may
 * have changed this too: what counts is what the TPM says to others.
 */
#ifndef SEALTAP_ROLE_INIT_MEASURED_H
#define SEALTAP_ROLE_INIT_MEASURED_H

#include <stdbool.h>

/* In the image, once the log is open. On a host: nothing. */
void measured_tell(bool host);

#endif

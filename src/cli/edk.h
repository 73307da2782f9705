/* edk: says which data key opens an object, and how to get it from KMS. */
#ifndef SEALTAP_CLI_EDK_H
#define SEALTAP_CLI_EDK_H

#include "record/esdk_header.h"

/* Prints context, encrypted data keys and, for those of KMS, the command that decrypts them. None of it is
 * authenticated yet: KMS refuses a context that was changed, and the key commitment any other key. -1:
 * standard output failed. */
int edk_show(const struct esdk_header *h, const char *name);

#endif

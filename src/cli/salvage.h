/* salvage: what is still there of torn, cut or damaged objects, and of a spool volume that lost its
 * appliance. Reads alone: files and devices stay as they are. */
#ifndef SEALTAP_CLI_SALVAGE_H
#define SEALTAP_CLI_SALVAGE_H

#include <stdio.h>

#include "cli/command.h"
#include "record/volume.h"

/* `in`, named `name`, is a sealed object: what authenticates of it goes to a file in folder, decompressed.
 * */
enum exit_status salvage_object(FILE *in, const char *name, const char *folder);
/* `in` is a spool volume or its image: each object on it that was not shipped goes to a file in folder, as
 * it would have been shipped. */
enum exit_status salvage_volume(FILE *in, const char *name, const struct volume_header *h,
				const char *folder);

#endif

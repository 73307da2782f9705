/* verify_scope: which names are among what was asked for: were such an object there, it would be in the
 * catalog. */
#ifndef SEALTAP_CLI_VERIFY_SCOPE_H
#define SEALTAP_CLI_VERIFY_SCOPE_H

#include "cli/catalog.h"

/* After catalog_read() of the same. operands: borrowed. */
void verify_scope_begin(char **operands, uint64_t from_ns, uint64_t to_ns);
/* o: what the key says; end_ns: where the next of its stream begins, where that is there. */
bool verify_scope_has(const struct catalog_object *o, const char *key);
/* The operands name less than whole appliances: an hour of one, say. */
bool verify_scope_is_narrow(void);

#endif

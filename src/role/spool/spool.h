/* spool: the role between the producers and upload where there is a volume: what they seal is made to last
 * there, and shipped from there in its order, also after the power failed.
 *
 *   capture, keys, flows --STORE--> mirror (pool → volume) --STORED--> the producer's slot is free
 *   window (pool or volume → memory) --SEALED--> upload --FREE--> gone from the volume
 *
 * It sees ciphertext alone. When the volume fails, objects go from the pools to the window directly, as they
 * would without a volume, and it is tried again.
 */
#ifndef SEALTAP_ROLE_SPOOL_SPOOL_H
#define SEALTAP_ROLE_SPOOL_SPOOL_H

#include "role/role.h"

extern const struct role role_spool;

#endif

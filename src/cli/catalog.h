/* catalog: which objects there are: names of object format 1 in a bucket or of local files, in a window
 * of time.
 *
 * A name tells when an object begins; it ends, at the latest, a rotation later (CATALOG_OBJECT_MAX_S), and
 * before S3 got it: what may reach into the window is in. That the next of its stream begins is a hint, not a
 * bound: who may write to the bucket may have made up its name. Memory is static: CATALOG_MAX objects.
 */
#ifndef SEALTAP_CLI_CATALOG_H
#define SEALTAP_CLI_CATALOG_H

#include "cli/bucket.h"

#define CATALOG_MAX 500000u
#define CATALOG_OBJECT_MAX_S 3600u

struct catalog_object {
	const char *key;     /* terminated, in the catalog's memory; or the path of a local file */
	const char *version; /* terminated; empty: unknown or the latest */
	uint64_t size_bytes, modified_ns;
	uint64_t start_ns; /* by the name */
	uint64_t end_ns;   /* by the name of the next of its stream; UINT64_MAX: unknown */
	uint64_t boot;
	uint32_t seq;
	uint8_t kind; /* enum object_kind */
	char stream[8];
	bool local, torn, is_marker, is_latest;
	uint8_t beside;        /* N of -rN; 0 */
	uint8_t storage;       /* index into catalog_storage_classes; 0: STANDARD */
	struct span appliance; /* account/region/appliance, in the catalog's memory */
};

/* The classes of storage, by `storage`; the last stands for all others. */
extern const char *const catalog_storage_classes[];
/* It is archived: bytes come only after `sealtap restore`, and hours. */
bool catalog_is_cold(const struct catalog_object *o);

struct catalog_filter {
	uint64_t from_ns, to_ns; /* 0 and UINT64_MAX: all */
	uint64_t log_to_ns;      /* log objects up to then, if that is later */
	unsigned kinds;          /* bits 1u << enum object_kind */
	bool versions;           /* all versions and markers */
	/* Of each stream also the one before: where the clock was set back, it has packets of the window. */
	bool one_before;
	bool any_name; /* an operand that is a file is packets, whatever its name: no stream, time 0 */
};

#define CATALOG_ALL_KINDS (1u << OBJECT_PACKETS | 1u << OBJECT_LOG | 1u << OBJECT_FLOWS)
/* "packets", "log", "flows": the names of kinds; static. */
const char *catalog_kind_name(unsigned kind);
/* "packets,flows"; NULL: all. EXIT_WRONG_USAGE, said. */
enum exit_status catalog_kinds(const char *text, unsigned *kinds);

/* Splits a key of object format 1 (with any prefix; or a file's base name alone, then appliance is empty).
 * ERR_SYNTAX: it is none. Spans are into `key`. */
enum err catalog_name(struct span key, struct catalog_object *out) MUST_USE;

/* Lists what the session's bucket, prefix and appliance or, in their place, the operands name: files and
 * folders of this machine, s3://BUCKET/KEY, keys of the bucket and what they begin with. Objects are
 * sorted by appliance, boot, stream, seq, the newest version first. Names that are none of ours are
 * counted, not listed. EXIT_DONE also where there is nothing; what was listed before is forgotten. */
enum exit_status catalog_read(const struct catalog_filter *f, char **operands);
uint32_t catalog_count(void);
const struct catalog_object *catalog_at(uint32_t i);
uint64_t catalog_strangers(void);
/* Says that there is nothing, and where it was looked for: EXIT_NO_INPUT. */
enum exit_status catalog_nothing(void);
/* What a command does that takes --kind: begins the session, reads the kinds (catalog_kinds) into f, lists.
 * EXIT_DONE: there is something. */
enum exit_status catalog_choose(struct catalog_filter *f, const char *kinds, char **operands);

#endif

/* ledger: what is known of all objects of appliances together, and what of it does not fit: numbering,
 * chains, the log's inventory both ways, boots with beginning, heartbeats and end, books, signatures that a
 * later log object stands for. It is told objects, lines of the inventory and events in the order of boot,
 * stream, number; findings come out as they are certain, some only at the end.
 *
 * An object's entry is its index in the caller's catalog. Memory is the caller's: entries, and this struct,
 * static storage.
 */
#ifndef SEALTAP_RECORD_LEDGER_H
#define SEALTAP_RECORD_LEDGER_H

#include "record/inspect.h"

#define LEDGER_NONE UINT32_MAX
#define LEDGER_ELSEWHERE (UINT32_MAX - 1) /* not among what was asked for */
#define LEDGER_BOOTS_MAX 65535u
#define LEDGER_HOLES_MAX 4096u
#define LEDGER_ABSENT_MAX 4096u
#define LEDGER_PUBS_MAX 16u
#define LEDGER_GAPS_MAX 16384u
#define LEDGER_DIGEST_BYTES 16
/* A heartbeat stands in the log at least so often, and so much later it is missed. */
#define LEDGER_HEARTBEAT_S 300u
#define LEDGER_HEARTBEAT_SLACK_S 60u
/* An object is listed by the log so long after it was stored, at the latest. */
#define LEDGER_LISTED_S 900u
/* So long behind a window log objects list what began in it: an object is an hour at most. */
#define LEDGER_WITNESS_S (3600u + LEDGER_LISTED_S)

enum ledger_severity { LEDGER_NOTE, LEDGER_GAP, LEDGER_DAMAGE, LEDGER_SEVERITIES };

struct ledger_finding {
	enum ledger_severity severity;
	const char *kind;        /* static: "missing", "altered", "forged", "gap" ... */
	uint32_t entry;          /* LEDGER_NONE: it is of no object that is there */
	const char *name;        /* of one that is not there; NULL */
	uint64_t boot;           /* 0: of none */
	const char *stream;      /* NULL: of the whole boot */
	uint64_t from_ns, to_ns; /* 0: not known */
	const char *text;
};

struct ledger_entry {
	uint8_t body[LEDGER_DIGEST_BYTES], sig[LEDGER_DIGEST_BYTES]; /* size and hash; signature: as found, */
	uint8_t listed_body[LEDGER_DIGEST_BYTES], listed_sig[LEDGER_DIGEST_BYTES]; /* as the log lists them */
	uint64_t boot, last_ns, stored_ns;
	uint32_t listed_by; /* entry of the log object */
	uint16_t boot_index;
	uint16_t flags;
};

/* An object after inspect_end(). Spans and pointers are borrowed for the call. */
struct ledger_object {
	uint32_t entry;
	const struct inspect *inspect;
	uint64_t stored_ns; /* when S3 got it; 0: not known */
	uint8_t beside;     /* N of -rN */
};

struct ledger_boot {
	uint64_t boot, first_ns, last_log_ns;
	uint8_t appliance[LEDGER_DIGEST_BYTES]; /* of its name, once that is known; else zeros */
	bool named;
	uint64_t newest_ns; /* when the newest of its objects begins */
	bool shutdown;
	bool unsure; /* not all of its log is known: what it does not tell proves nothing */
	bool unread; /* and that only for want of rights */
};

struct ledger_hole {
	uint64_t boot, from_ns, to_ns;
	uint32_t from, to; /* numbers, both missing */
	uint32_t next;     /* entry of the object behind them */
	char stream[8];
};

struct ledger_absent {
	uint32_t listed_by, seq;
	uint64_t boot, start_ns; /* as the name has it; 0: it is none of ours */
	char stream[8];
	char name[OBJECT_NAME_MAX];
};

/* An event `gap`: that boot did not end in order. */
struct ledger_gap {
	uint64_t boot, from_ns, to_ns;
	uint32_t told_by; /* entry of the log object, */
	uint32_t teller;  /* index of its boot */
};

/* Where a stream of the present boot stands. */
struct ledger_stream {
	char stream[8];
	bool begun;
	bool after;   /* prev is that of the object before the next number, */
	bool has_sig; /* and so is sig */
	bool counted; /* so are these: cumulative, of both interfaces */
	uint32_t next_seq;
	uint64_t last_ns;
	uint8_t prev[32];
	uint8_t sig[LEDGER_DIGEST_BYTES];
	uint64_t records, lost, filtered;
};

struct ledger_sums {
	uint64_t objects, bytes, raw_bytes, packets, lines, lost, cut, filtered;
	uint64_t boots, streams, signed_good, covered, unsigned_left, unproven;
	uint64_t findings[LEDGER_SEVERITIES];
	uint64_t canaries_stored, books_closed;
	uint64_t first_ns, last_ns;
};

struct ledger {
	/* set by the caller before ledger_begin() */
	struct ledger_entry *entries; /* zeroed, as many as the catalog has */
	uint32_t entry_count;
	bool partial; /* a window of time: beginnings are not wanted, nor ends that are not within */
	uint64_t from_ns, to_ns; /* of it; 0 and UINT64_MAX: all */
	/* So long behind it all log objects are told, too; 0: not known. Those that begin behind it are
	 * witnesses: of what they list, of how boots end, of keys; what else they tell is of no interest. */
	uint64_t witness_ns;
	bool subset; /* some objects without a log, chosen by somebody: partial, and holes are not damage */
	bool narrow; /* less than whole appliances: how boots end is not looked for */
	bool files;  /* copies, made at some time */
	bool one_appliance; /* others are not looked for */
	bool public_only;   /* nothing is known of what is inside */
	uint64_t now_ns;    /* before the names were listed, by the clock that stored_ns is of */
	void (*finding)(void *arg, const struct ledger_finding *f);
	/* the entry of an object's name (its oldest version), LEDGER_NONE: it is not there, or
	 * LEDGER_ELSEWHERE: it need not be among what was asked for; *n: what the name says,
	 * zeroed where it is no name of an object */
	uint32_t (*find)(void *arg, struct span name, struct inspect_name *n);
	void *arg;

	struct ledger_sums sums;

	/* inside */
	bool begun, boot_line, whole; /* of the present boot; whole: nothing of it is missing or damaged */
	bool has_log;
	bool witness; /* the present object is one */
	uint64_t boots_more, heartbeat_ns, packets, books_packets;
	uint32_t last_log, deaths, restarts, pub_count; /* restarts: as the keys role tells them itself */
	struct {
		uint8_t digest[LEDGER_DIGEST_BYTES];
		uint32_t entry;
		bool of_log; /* it signed a log object */
	} pubs[LEDGER_PUBS_MAX];
	struct ledger_stream at;
	uint32_t boots, holes, holes_more, absent, absent_more, gaps;
	struct ledger_gap gap[LEDGER_GAPS_MAX];
	struct ledger_boot boot[LEDGER_BOOTS_MAX];
	struct ledger_hole hole[LEDGER_HOLES_MAX];
	struct ledger_absent missing[LEDGER_ABSENT_MAX];
	char text[512];
};

/* All but what the caller set is zeroed. */
void ledger_begin(struct ledger *l);
/* The next object of its boot and stream. Of several of one number the best comes first; others are
 * ledger_other(). */
void ledger_object(struct ledger *l, const struct ledger_object *o);
/* Another object of a number that was there, a later version, a delete marker, one that can't be read. */
void ledger_other(struct ledger *l, uint32_t entry, const struct inspect_name *name, const char *kind,
		  const char *text);
/* An object that the caller could not read: nothing is known of it but its name. */
void ledger_unread(struct ledger *l, uint32_t entry, const struct inspect_name *n);
/* A line of the inventory in the log object `entry`. */
void ledger_shipped(struct ledger *l, uint32_t entry, struct span name, uint64_t size, struct span sha256_hex,
		    struct span sig);
/* An event of the log; before ledger_object() of the object in which it stands. */
struct ledger_event {
	uint32_t entry;
	uint64_t boot, ns;
	struct span level, role, event;
	uint64_t from_ns, to_ns, about_boot; /* of `gap` */
	uint64_t arrived_least, arrived_most, recorded, lost, filtered, unattributed,
		surplus;  /* of `books` */
	bool of_keys;     /* `role-died`: the keys role, and with it its signing key */
	struct span line; /* all of it */
};
void ledger_event(struct ledger *l, const struct ledger_event *e);
/* So that what follows is of this boot and stream. */
void ledger_enter(struct ledger *l, const struct inspect_name *n);
/* The last call: what the end shows. */
void ledger_end(struct ledger *l);

/* Inside of ledger*.c: f with its text from l->text unless it has one. */
void ledger_say(struct ledger *l, struct ledger_finding f);
/* l->text: the pattern, each # a number of the list, each @ one of eight digits. */
void ledger_words(struct ledger *l, const char *pattern, const uint64_t *numbers);
void ledger_digest(uint8_t out[LEDGER_DIGEST_BYTES], uint64_t number, struct span bytes);
struct ledger_boot *ledger_boot_now(struct ledger *l);
/* The present boot's last log object is read, and all others of it. */
void ledger_end_boot(struct ledger *l);
enum ledger_flag {
	LEDGER_SEEN = 1,
	LEDGER_BAD = 2, /* damage was found and said */
	LEDGER_SIG_GOOD = 4,
	LEDGER_SIG_NONE = 8,
	LEDGER_SIG_BAD = 16,
	LEDGER_HAS_LISTING = 32,
	LEDGER_LAST_LOG = 64, /* nothing lists it */
	LEDGER_NO_META = 128, /* its signature is not known */
	LEDGER_WITNESS = 256,
};

#endif

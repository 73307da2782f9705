/* xml: reads text elements out of small XML documents as their bytes come, as S3's error answers are.
 *
 * A strict reader of the part of XML 1.0 that services send: one declaration (version, encoding) at the very
 * beginning, elements, attributes (checked, not used; unique in their tag), text, the five named and all
 * numeric references, comments. A document type, CDATA or processing instruction is ERR_UNSUPPORTED, as is
 * another version or encoding. Line ends are left as they come. Bounded (ERR_TOO_LONG): nesting by
 * XML_DEPTH_MAX, documents by XML_BYTES_MAX, the names of open elements and of one tag's attributes together
 * by XML_NAMES_MAX. All else that is wrong is ERR_SYNTAX. Source: XML 1.0, fifth edition.
 */
#ifndef SEALTAP_AWS_XML_H
#define SEALTAP_AWS_XML_H

#include "base/text.h"

#define XML_DEPTH_MAX 16
#define XML_BYTES_MAX 65536
#define XML_NAMES_MAX 1024

struct xml_wanted {
	const char *path; /* borrowed; "Error/Code": names from the root on */
	struct buf *out;  /* borrowed; the text is appended, references replaced */
	/* Valid after xml_end, beside the document's own errors: ERR_MISSING; ERR_DUPLICATE: there are two;
	 * ERR_SYNTAX: it has child elements; ERR_FULL: `out` has its beginning. */
	enum err result;

	/* Inside. */
	uint8_t matched; /* open elements that are the path's first names */
	bool inside;     /* in the element */
};

struct xml_reader {
	struct xml_wanted *wanted; /* borrowed */
	size_t wanted_count;
	/* May be set after xml_begin. */
	size_t bytes_max; /* in the place of XML_BYTES_MAX */
	void (*left)(void *arg, struct span name,
		     unsigned depth); /* an element has ended; depth of the root: 0 */
	void *arg;                    /* borrowed */

	/* Inside. */
	enum err error;      /* the first one stays */
	size_t bytes;        /* taken so far */
	uint8_t phase, back; /* back: where a reference stands */
	struct text_utf8 utf8;
	bool declaration, root_seen;
	uint8_t quote;      /* that ends the attribute's value */
	uint8_t brackets;   /* `]` in a row, at most 2 */
	uint8_t attributes; /* of this declaration so far */
	unsigned depth;
	/* Names, each with a NUL: those of the open elements, then what is being read: the tag's attributes
	 * or an end tag's name. */
	char names[XML_NAMES_MAX];
	size_t names_len, part_at; /* part_at: where the name being read begins */
	size_t open_at[XML_DEPTH_MAX];
	uint8_t text[16]; /* a reference's name or a value in the declaration */
	size_t text_len;  /* may be more than its size: then it is none that is known */
};

/* wanted: count rows with path and out set; they outlive the reading. */
void xml_begin(struct xml_reader *r, struct xml_wanted *wanted, size_t count);
enum err xml_feed(struct xml_reader *r, struct span piece) MUST_USE;
/* For `left`, at the end of an element that may stand again: what is wanted is looked for anew, and buffers
 * are emptied, from row `from` on. */
void xml_again(struct xml_reader *r, size_t from);
/* The text is over: ERR_OK when it was one whole document. Otherwise the error is every element's result. */
enum err xml_end(struct xml_reader *r) MUST_USE;

/* One element of a document that is at hand whole. On an error other than ERR_FULL nothing is appended. */
enum err xml_find_text(struct span text, const char *path, struct buf *out) MUST_USE;

#endif

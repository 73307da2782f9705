/* xml: reads text elements out of a small XML document, as S3's error answers are.
 *
 * A strict reader of the part of XML 1.0 that services send: one declaration (version, encoding),
 * elements, attributes (checked, not used), the five named and the numeric references, comments. A
 * document type, CDATA or processing instruction is ERR_UNSUPPORTED. UTF-8 is checked; nesting at most
 * XML_DEPTH_MAX, documents at most XML_MAX_BYTES (ERR_TOO_LONG).
 */
#ifndef SEALTAP_AWS_XML_H
#define SEALTAP_AWS_XML_H

#include "base/buf.h"

#define XML_DEPTH_MAX 16
#define XML_MAX_BYTES 65536

/* Appends the text of the element at path ("Error/Code": names from the root on), references replaced;
 * checks the whole document. ERR_MISSING when there is none, ERR_DUPLICATE when there are two, ERR_SYNTAX
 * when it has child elements or the document is malformed. */
enum err xml_find_text(struct span text, const char *path, struct buf *out) MUST_USE;

#endif

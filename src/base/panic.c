#include "base/panic.h"

#include "base/text.h"

/* As many as a number of 32 bits has: what is longer is an address, a register or a word of a stack. */
#define DIGITS_MAX 8

static const struct span causes[] = {
	SPAN("BUG: "),      SPAN("Oops: "),  SPAN("general protection fault"), SPAN("watchdog: "),
	SPAN("kernel BUG"), SPAN("UBSAN: "), SPAN("Uhhuh. NMI received"),
};

static bool is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_number(struct span word)
{
	size_t digits = 0;
	for (size_t i = 0; i < word.len && digits <= DIGITS_MAX; i++)
		digits = text_hex_digit(word.p[i]) >= 0 ? digits + 1 : 0;
	return digits > DIGITS_MAX;
}

/* Copies printable text until it is full; a number that is too long becomes one underscore. */
static void copy(struct span text, char out[PANIC_TEXT_MAX])
{
	struct buf b = buf_over(out, PANIC_TEXT_MAX - 1);
	while (text.len && buf_room(&b)) {
		size_t n = 0;
		while (n < text.len && is_word(text.p[n]))
			n++;
		if (n == 0) {
			text_printable(&b, span_first(text, 1));
			n = 1;
		} else if (is_number(span_first(text, n))) {
			buf_u8(&b, '_');
		} else {
			buf_put(&b, span_first(span_first(text, n), buf_room(&b)));
		}
		text = span_from(text, n);
	}
	out[b.len] = 0;
}

/* Without `<level>` and `[seconds] `. */
static struct span without_prefix(struct span line)
{
	static const struct {
		uint8_t open, close;
	} prefixes[] = {{'<', '>'}, {'[', ']'}};
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t end = span_find(line, prefixes[i].close);
		if (line.len && line.p[0] == prefixes[i].open && end < line.len)
			line = span_trim(span_from(line, end + 1));
	}
	return line;
}

void panic_read(struct span record, struct panic *p)
{
	static const struct span head = SPAN("Kernel panic - not syncing: ");
	while (record.len) {
		struct span line = without_prefix(span_cut(&record, '\n'));
		if (!p->reason[0] && span_starts(line, head))
			copy(span_from(line, head.len), p->reason);
		for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
			if (!p->cause[0] && span_starts(line, causes[i]))
				copy(line, p->cause);
	}
}

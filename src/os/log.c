#include "os/log.h"

#include <string.h>

#include "base/text.h"
#include "os/chan.h"
#include "os/clock.h"

static struct {
	int fd;
	uint32_t type;
	const char *role; /* static */
	uint64_t dropped;
	struct log_line line;
	struct buf out; /* over line.line, with room kept for the terminator */
} state = {.fd = -1};

void log_open(int fd, uint32_t type, const char *role)
{
	state.fd = fd;
	state.type = type;
	state.role = role;
}

const char *log_level_name(enum log_level level)
{
	static const char *const names[] = {[LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ALARM] = "alarm"};
	return names[level];
}

void log_begin(enum log_level level, const char *event)
{
	memset(&state.line, 0, sizeof(state.line));
	state.line.real_ns = clock_real_ns();
	state.out = buf_over(state.line.line, LOG_LINE_BYTES - 1);
	buf_str(&state.out, log_level_name(level));
	buf_u8(&state.out, ' ');
	buf_str(&state.out, state.role);
	buf_u8(&state.out, ' ');
	buf_str(&state.out, event);
	if (state.dropped)
		log_u64("dropped", state.dropped);
}

static bool plain(struct span value)
{
	for (size_t i = 0; i < value.len; i++)
		if (value.p[i] <= ' ' || value.p[i] >= 0x7f || value.p[i] == '"' || value.p[i] == '\\')
			return false;
	return value.len > 0;
}

static void put_quoted(struct buf *b, struct span value)
{
	buf_u8(b, '"');
	for (size_t i = 0; i < value.len && buf_room(b) > 8; i++) {
		uint8_t c = value.p[i];
		if (c == '"' || c == '\\') {
			buf_u8(b, '\\');
			buf_u8(b, c);
		} else if (c < ' ' || c >= 0x7f) {
			buf_str(b, "\\u00");
			text_hex(b, span_of(&c, 1));
		} else {
			buf_u8(b, c);
		}
	}
	buf_u8(b, '"');
}

void log_span(const char *key, struct span value)
{
	size_t key_len = strlen(key);
	if (buf_room(&state.out) < key_len + 12)
		return;
	buf_u8(&state.out, ' ');
	buf_str(&state.out, key);
	buf_u8(&state.out, '=');
	if (plain(value) && value.len <= buf_room(&state.out))
		buf_put(&state.out, value);
	else
		put_quoted(&state.out, value);
}

void log_str(const char *key, const char *value)
{
	log_span(key, span_str(value));
}

void log_u64(const char *key, uint64_t value)
{
	uint8_t digits[24];
	struct buf b = BUF_OF(digits);
	text_u64(&b, value);
	log_span(key, buf_span(&b));
}

void log_end(void)
{
	if (state.fd < 0)
		return;
	if (chan_send(state.fd, state.type, &state.line, sizeof(state.line), NULL, 0))
		state.dropped++;
	else
		state.dropped = 0;
}

void log_event(enum log_level level, const char *event, const char *key, const char *value)
{
	log_begin(level, event);
	log_str(key, value);
	log_end();
}

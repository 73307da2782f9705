#include "role/report.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

void report_verdict(struct report *r, enum verdict_code code, bool ok, const char *format, ...)
{
	char text[sizeof(((struct msg_verdict *)0)->text)];
	va_list args;
	if (ok && r->told_ok[code])
		return;
	r->told_ok[code] = ok;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	peer_verdict(r->init, code, ok, text);
}

struct report_text report_ip(uint32_t addr)
{
	struct report_text t = {""};
	struct buf b = buf_over(t.s, sizeof(t.s) - 1);
	text_ipv4(&b, addr);
	return t;
}

struct report_text report_mac(const uint8_t mac[6])
{
	struct report_text t = {""};
	struct buf b = buf_over(t.s, sizeof(t.s) - 1);
	text_mac(&b, mac);
	return t;
}

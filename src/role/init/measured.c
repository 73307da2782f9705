#include "role/init/measured.h"

#include <string.h>

#include "base/text.h"
#include "os/firmware.h"
#include "os/log.h"
#include "os/tpm.h"
#include "role/init/console.h"

#define AT "/run"    /* empty */
#define DRAIN_MS 200 /* a line of this length takes a serial console 40 ms */

static const struct {
	const char *key;
	enum tpm_register of;
} told[] = {{"pcr4", TPM_PCR4}, {"pcr7", TPM_PCR7}, {"pcr12", TPM_PCR12}};

/* A value of the line, for the log and for the console. */
static void put(struct buf *line, const char *key, struct span value)
{
	log_span(key, value);
	buf_str(line, " ");
	buf_str(line, key);
	buf_str(line, "=");
	buf_put(line, value);
}

static void put_hex(struct buf *line, const char *key, const uint8_t *bytes, size_t count)
{
	uint8_t digits[2 * TPM_DIGEST_MAX];
	struct buf b = buf_over(digits, sizeof(digits));
	text_hex(&b, span_of(bytes, count));
	put(line, key, buf_span(&b));
}

static void tell_bank(const struct tpm_pcrs *pcrs, enum tpm_bank bank, const char *secure_boot,
		      const uint8_t *expected)
{
	char text[LOG_LINE_BYTES];
	size_t size = tpm_bank_bytes(bank);
	bool agree = memcmp(pcrs->value[bank][TPM_PCR4], expected, size) == 0;
	struct buf line = buf_over(text, sizeof(text) - 1);
	buf_str(&line, "measured");
	log_begin(LOG_INFO, "measured");
	put(&line, "bank", span_str(tpm_bank_name(bank)));
	put(&line, "secure_boot", span_str(secure_boot));
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		put_hex(&line, told[i].key, pcrs->value[bank][told[i].of], size);
	put_hex(&line, "expected4", expected, size);
	put(&line, "agree", span_str(agree ? "yes" : "no"));
	log_end();
	text[line.len] = 0;
	console_line(text);
	console_drain(DRAIN_MS);
	if (!agree)
		log_event(LOG_WARN, "measured-differs", "bank", tpm_bank_name(bank));
}

void measured_tell(bool host)
{
	struct tpm_pcrs pcrs;
	uint8_t expected[FIRMWARE_PCR4_BYTES];
	size_t at = 0;
	if (host)
		return;
	enum err e = tpm_read(AT, &pcrs);
	if (e) {
		log_event(e == ERR_NOT_FOUND ? LOG_INFO : LOG_WARN, "measured", "tpm",
			  e == ERR_NOT_FOUND ? "none" : err_text(e));
		if (e == ERR_NOT_FOUND)
			console_line("measured tpm=none");
		return;
	}
	firmware_pcr4(expected);
	const char *secure_boot = firmware_secure_boot(AT);
	for (unsigned b = 0; b < TPM_BANKS; at += tpm_bank_bytes((enum tpm_bank)b++))
		if (pcrs.there[b])
			tell_bank(&pcrs, (enum tpm_bank)b, secure_boot, expected + at);
}

#include "os/tpm.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/text.h"

static const struct {
	const char *name;
	size_t bytes;
} banks[TPM_BANKS] = {
	[TPM_SHA256] = {"sha256", 32},
	[TPM_SHA384] = {"sha384", 48},
};

static const unsigned numbers[TPM_REGISTERS] = {[TPM_PCR4] = 4, [TPM_PCR7] = 7, [TPM_PCR12] = 12};

const char *tpm_bank_name(enum tpm_bank bank)
{
	return banks[bank].name;
}

size_t tpm_bank_bytes(enum tpm_bank bank)
{
	return banks[bank].bytes;
}

static enum err read_value(const char *sys, enum tpm_bank bank, enum tpm_register r, uint8_t *value)
{
	char path[96], text[2 * TPM_DIGEST_MAX + 2];
	size_t digits = 2 * banks[bank].bytes;
	int len = snprintf(path, sizeof(path), "%s/class/tpm/tpm0/pcr-%s/%u", sys, banks[bank].name,
			   numbers[r]);
	if (len < 0 || len >= (int)sizeof(path))
		return ERR_TOO_LONG;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ERR_NOT_FOUND;
	ssize_t n = read(fd, text, sizeof(text));
	close(fd);
	if (n != (ssize_t)digits + 1 || text[digits] != '\n')
		return ERR_SYNTAX;
	struct buf b = buf_over(value, banks[bank].bytes);
	return text_read_hex(span_of(text, digits), &b);
}

enum err tpm_read_in(const char *sys, struct tpm_pcrs *out)
{
	enum err found = ERR_NOT_FOUND;
	memset(out, 0, sizeof(*out));
	for (unsigned b = 0; b < TPM_BANKS; b++) {
		enum err e = ERR_OK;
		for (unsigned r = 0; r < TPM_REGISTERS && !e; r++)
			e = read_value(sys, (enum tpm_bank)b, (enum tpm_register)r, out->value[b][r]);
		out->there[b] = !e;
		if (found != ERR_OK && e != ERR_NOT_FOUND)
			found = e;
	}
	return found;
}

enum err tpm_read(const char *at, struct tpm_pcrs *out)
{
	if (mount("sysfs", at, "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return ERR_SYSTEM;
	enum err e = tpm_read_in(at, out);
	if (umount2(at, MNT_DETACH) && !e)
		e = ERR_SYSTEM;
	return e;
}

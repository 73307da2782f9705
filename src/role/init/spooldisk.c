#include "role/init/spooldisk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "os/disk.h"
#include "os/nvme.h"

#define AGAIN_NS (2 * NS_PER_S)

static enum err find(const struct spooldisk *d, int *fd, const char **remedy)
{
	char path[64];
	*remedy = "attach the volume to this instance";
	if (d->host)
		return disk_open(d->name, fd);
	enum err e = nvme_find(d->name, path, sizeof(path));
	if (e == ERR_DENIED || e == ERR_CONFLICT)
		*remedy = "it must be one volume of its own, without partitions";
	TRY(e);
	return disk_open(path, fd);
}

static void look(void *arg)
{
	struct spooldisk *d = arg;
	char text[400];
	const char *remedy;
	enum err e = find(d, &d->supervisor->roster->disk, &remedy);
	if (!e) {
		supervisor_start_role(d->supervisor, ROLE_SPOOL);
		return;
	}
	snprintf(text, sizeof(text), "%s: %s%s%s; %s", d->name, err_text(e), e == ERR_SYSTEM ? ": " : "",
		 e == ERR_SYSTEM ? strerror(errno) : "", remedy);
	console_step(d->supervisor->console, VERDICT_SPOOL, false, text);
	loop_timer_in(d->supervisor->loop, &d->timer, AGAIN_NS);
}

void spooldisk_want(struct spooldisk *d, const struct settings *settings)
{
	if (!settings->spool[0])
		return;
	d->used = true;
	memcpy(d->name, settings->spool, sizeof(d->name));
	d->name[sizeof(d->name) - 1] = 0;
	d->timer = (struct loop_timer){.fn = look, .arg = d};
	look(d);
}

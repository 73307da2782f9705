/* metadata_client: asks IMDS as a boot does and prints "instance ID over ADDRESS", or what failed; then once
 * more for notices, over the address that worked. */
#include <stdio.h>
#include <string.h>

#include "role/keys/metadata.h"

static struct loop loop;
static struct metadata m;

static void done(void *arg, enum imds_goal goal, enum err e)
{
	char text[64];
	struct buf b = buf_over(text, sizeof(text) - 1);
	(void)arg;
	if (e) {
		printf("%s: %s\n", imds_step_text(m.imds.step), err_text(e));
		loop.stop = true;
		return;
	}
	ip_text(&b, &m.addr[0]);
	text[b.len] = 0;
	printf("%s %s over %s\n", goal == IMDS_BOOT ? "instance" : "notices", m.imds.result.instance, text);
	if (goal == IMDS_BOOT)
		metadata_start(&m, IMDS_NOTICES);
	else
		loop.stop = true;
}

int main(void)
{
	loop_init(&loop);
	metadata_init(&m, &loop, done, NULL);
	metadata_start(&m, IMDS_BOOT);
	loop_run(&loop);
	return 0;
}

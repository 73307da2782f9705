/* init: PID 1 of the appliance, or the parent in host mode: opens what needs privilege, starts the roles,
 * walks them through boot and shutdown, speaks on the console.
 *
 * It parses nothing from outside and holds no secret: it forwards fixed-size messages. A role that dies
 * starts anew. Signals: 38 (power button) in the appliance, SIGTERM and SIGINT in host mode: stop forwarding,
 * drain, seal, ship, power off.
 */
#ifndef SEALTAP_ROLE_INIT_INIT_H
#define SEALTAP_ROLE_INIT_INIT_H

#include <stdbool.h>
#include <stdint.h>

struct init_options {
	bool host;        /* in a namespace of an ordinary host: no mounts, exit instead of power-off */
	bool verbose;     /* every log line on the console */
	unsigned workers; /* capture workers; 0: one a CPU */
	const char *config_path;      /* host mode; borrowed */
	const char *anchors_path;     /* trust anchors, PEM; borrowed */
	uint32_t ct_buffer_bytes;     /* host mode: as roster_setup's */
	const char *disk_faults_path; /* host mode: what os/disk.h is to act out; borrowed, or NULL */
};

/* Returns the exit code in host mode; as PID 1 never. */
int init_main(const struct init_options *o);

#endif

/* stage1: the first thing that runs: from the initramfs into the read-only root.
 *
 * The kernel starts /init of the initramfs as PID 1. There it is this program with /root.erofs beside it; its
 * only work is to mount that file as the root, leave nothing of itself behind in memory and execute the real
 * /init. An EROFS mounted from a file has no write path.
 */
#ifndef SEALTAP_ROLE_INIT_STAGE1_H
#define SEALTAP_ROLE_INIT_STAGE1_H

/* Precondition: PID 1, in the initramfs. On failure: one line on the console naming the step, a pause to read
 * it, power-off. */
_Noreturn void stage1_main(void);

#endif

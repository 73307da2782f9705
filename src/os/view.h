/* view: what a process sees of the file system: an empty root that nobody can write, and in it the folders
 * that its table keeps. No /proc, no /dev, no program; what it has open already goes on.
 *
 * Needs CAP_SYS_ADMIN and a single thread. The root is a tmpfs of no use but to be empty, mounted at VIEW_AT
 * in a mount namespace of the process's own; all other mounts are gone there. Source: pivot_root(2),
 * mount_namespaces(7).
 */
#ifndef SEALTAP_OS_VIEW_H
#define SEALTAP_OS_VIEW_H

#include "base/err.h"

#define VIEW_AT "/run" /* a folder of the image and of each host */

/* keeps: folders by their full paths, the last one NULL; NULL: none. Each is in the view under its name, with
 * what is mounted there and not below. The working folder is the root. */
enum err view_enter(const char *const *keeps) MUST_USE;

#endif

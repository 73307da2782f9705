/* verbose: board debug's init says every line of its log on the console, and that it is this board. Linked
 * in front of the same objects as the release's init (Makefile: WRAP); the release has no such switch.
 */
#include "role/init/console.h"
#include "role/init/init.h"

int __real_init_main(const struct init_options *o);
int __wrap_init_main(const struct init_options *o);

int __wrap_init_main(const struct init_options *o)
{
	struct init_options all = *o;
	all.verbose = true;
	console_line("board debug: the whole log is on this console");
	return __real_init_main(&all);
}

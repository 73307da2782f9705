/* env: the operator's environment; the one place that reads it. */
#ifndef SEALTAP_CLI_ENV_H
#define SEALTAP_CLI_ENV_H

/* NULL where it is not set, or empty. */
const char *env_get(const char *name);
/* The variable by which other programs go through a proxy; this one goes through none. NULL: not set. */
const char *env_proxy(void);

#endif

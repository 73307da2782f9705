/* profiles: the operator's settings in ~/.aws/config and ~/.aws/credentials, or where AWS_CONFIG_FILE and
 * AWS_SHARED_CREDENTIALS_FILE say (aws/profile). What stands in the credentials file goes first. Part of
 * cli/session.
 *
 * The files hold secrets: their text is wiped with profiles_wipe, and never shown.
 */
#ifndef SEALTAP_CLI_PROFILES_H
#define SEALTAP_CLI_PROFILES_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/command.h"

enum profiles_file { PROFILES_CREDENTIALS, PROFILES_CONFIG, PROFILES_FILES };

/* Reads both files, where they are, and finds out which profile is meant. option: --profile's value, or NULL.
 * EXIT_NOT_SET_UP after it was said what is wrong with them, or that there is no such profile. */
enum exit_status profiles_begin(const char *option);
/* Reads both once more: somebody may have put new credentials there. */
enum exit_status profiles_reload(void);
/* The profile's name; "default" where none was named. */
const char *profiles_name(void);
/* It was given by --profile: then the environment's credentials do not count. */
bool profiles_by_option(void);
/* Where a file is, for messages. */
const char *profiles_path(enum profiles_file file);

bool profiles_there(const char *profile);
/* A setting of a profile, terminated; false, and empty: there is none. path as in aws/profile. */
bool profiles_get(const char *profile, const char *path, char *out, size_t cap);
bool profiles_get_from(enum profiles_file file, const char *profile, const char *path, char *out, size_t cap);
bool profiles_has(const char *profile, const char *path);
/* A value of the section [services NAME] that the profile names. */
bool profiles_get_service(const char *profile, const char *path, char *out, size_t cap);
/* A value of single sign-on: of the section [sso-session NAME] that the profile names, or its own. */
bool profiles_get_sso(const char *profile, const char *path, char *out, size_t cap);
/* EXIT_DONE, unless one of the above found a value that can't be read: then it was said. */
enum exit_status profiles_failed(void);

void profiles_wipe(void);

#endif

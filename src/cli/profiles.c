#include "cli/profiles.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "aws/profile.h"
#include "base/bytes.h"
#include "cli/env.h"
#include "cli/say.h"
#include "os/file.h"

static const struct {
	const char *variable, *standard;
	enum profile_kind kind;
} places[PROFILES_FILES] = {
	[PROFILES_CREDENTIALS] = {"AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", PROFILE_CREDENTIALS},
	[PROFILES_CONFIG] = {"AWS_CONFIG_FILE", "~/.aws/config", PROFILE_CONFIG},
};

static struct {
	const char *name; /* borrowed from argv or the environment */
	bool by_option;
	enum exit_status failed;
	struct {
		char path[4096];
		uint8_t text[PROFILE_BYTES_MAX]; /* secret */
		size_t len;
	} file[PROFILES_FILES];
} g;

static enum exit_status find_path(enum profiles_file f)
{
	const char *given = env_get(places[f].variable), *home = env_get("HOME");
	const char *path = given ? given : places[f].standard;
	bool at_home = home && path[0] == '~' && path[1] == '/';
	int n = snprintf(g.file[f].path, sizeof(g.file[f].path), "%s%s", at_home ? home : "",
			 at_home ? path + 1 : path);
	return n > 0 && (size_t)n < sizeof(g.file[f].path)
		       ? EXIT_DONE
		       : say(EXIT_NOT_SET_UP, "%s: the path is too long", places[f].variable);
}

static enum exit_status cannot_read(enum profiles_file f, enum err e)
{
	return say(EXIT_NOT_SET_UP, "can't read %s: %s", say_text(span_str(g.file[f].path)),
		   e == ERR_SYSTEM ? strerror(errno) : err_text(e));
}

static enum exit_status bad_file(enum profiles_file f, unsigned line, enum err e)
{
	const char *what = e == ERR_DUPLICATE ? "it is there twice" : "no [section] and no key = value";
	return say(EXIT_NOT_SET_UP, "%s, line %u: %s; correct the file, or name another one by %s",
		   say_text(span_str(g.file[f].path)), line,
		   e == ERR_TOO_LONG || e == ERR_FULL ? err_text(e) : what, places[f].variable);
}

static enum exit_status read_file(enum profiles_file f)
{
	unsigned line;
	enum exit_status s = find_path(f);
	if (s)
		return s;
	enum err e = file_read(g.file[f].path, g.file[f].text, sizeof(g.file[f].text), &g.file[f].len);
	if (e == ERR_NOT_FOUND)
		return EXIT_DONE;
	if (e == ERR_DENIED || (e == ERR_SYSTEM && errno == EISDIR)) { /* as botocore, but not in silence */
		say_note("%s can't be read, and is left out: %s", say_text(span_str(g.file[f].path)),
			 strerror(errno));
		return EXIT_DONE;
	}
	if (e)
		return cannot_read(f, e);
	e = profile_find_section(span_of(g.file[f].text, g.file[f].len), places[f].kind, span_str(g.name),
				 &line);
	return !e || e == ERR_NOT_FOUND ? EXIT_DONE : bad_file(f, line, e);
}

static enum exit_status no_such_profile(void)
{
	return say(EXIT_NOT_SET_UP, "there is no profile %s, neither in %s nor in %s",
		   say_text(span_str(g.name)), say_text(span_str(profiles_path(PROFILES_CREDENTIALS))),
		   say_text(span_str(profiles_path(PROFILES_CONFIG))));
}

enum exit_status profiles_reload(void)
{
	g.failed = EXIT_DONE;
	for (enum profiles_file f = 0; f < PROFILES_FILES; f++) {
		enum exit_status s = read_file(f);
		if (s)
			return s;
	}
	return EXIT_DONE;
}

/* The older name of the variable goes first, as with botocore. */
enum exit_status profiles_begin(const char *option)
{
	const char *first = env_get("AWS_DEFAULT_PROFILE"), *second = env_get("AWS_PROFILE");
	const char *given = option ? option : first ? first : second;
	g.by_option = option != NULL;
	g.name = given ? given : "default";
	enum exit_status s = profiles_reload();
	if (s)
		return s;
	return given && !profiles_there(given) ? no_such_profile() : EXIT_DONE;
}

const char *profiles_name(void)
{
	return g.name;
}

bool profiles_by_option(void)
{
	return g.by_option;
}

const char *profiles_path(enum profiles_file file)
{
	return g.file[file].path;
}

static bool said(enum profiles_file f, unsigned line, enum err e)
{
	if (e && e != ERR_NOT_FOUND && !g.failed)
		g.failed = bad_file(f, line, e);
	return !e;
}

bool profiles_there(const char *profile)
{
	for (enum profiles_file f = 0; f < PROFILES_FILES; f++) {
		unsigned line;
		enum err e = profile_find_section(span_of(g.file[f].text, g.file[f].len), places[f].kind,
						  span_str(profile), &line);
		if (said(f, line, e))
			return true;
	}
	return false;
}

static bool find(enum profiles_file f, enum profile_kind kind, const char *name, const char *path, char *out,
		 size_t cap)
{
	unsigned line = 0;
	struct buf value = buf_over(out, cap - 1);
	enum err e = profile_find(span_of(g.file[f].text, g.file[f].len), kind, span_str(name), path, &value,
				  &line);
	if (!e && span_find(buf_span(&value), 0) < value.len)
		e = ERR_SYNTAX;
	out[e ? 0 : value.len] = 0;
	return said(f, line, e);
}

bool profiles_get_from(enum profiles_file file, const char *profile, const char *path, char *out, size_t cap)
{
	return find(file, places[file].kind, profile, path, out, cap);
}

bool profiles_get(const char *profile, const char *path, char *out, size_t cap)
{
	return profiles_get_from(PROFILES_CREDENTIALS, profile, path, out, cap) ||
	       profiles_get_from(PROFILES_CONFIG, profile, path, out, cap);
}

bool profiles_has(const char *profile, const char *path)
{
	char value[4096];
	bool has = profiles_get(profile, path, value, sizeof(value));
	wipe(value, sizeof(value));
	return has;
}

/* A value of the section that a setting of the profile names; it must be there. */
static bool find_in_named(const char *profile, const char *setting, enum profile_kind kind, const char *path,
			  char *out, size_t cap)
{
	char section[256];
	unsigned line;
	struct span config = span_of(g.file[PROFILES_CONFIG].text, g.file[PROFILES_CONFIG].len);
	out[0] = 0;
	if (!profiles_get(profile, setting, section, sizeof(section)))
		return false;
	if (profile_find_section(config, kind, span_str(section), &line) != ERR_NOT_FOUND)
		return find(PROFILES_CONFIG, kind, section, path, out, cap);
	if (!g.failed)
		g.failed = say(EXIT_NOT_SET_UP, "profile %s names %s %s, a section that is not in %s",
			       say_text(span_str(profile)), setting, say_text(span_str(section)),
			       say_text(span_str(profiles_path(PROFILES_CONFIG))));
	return false;
}

bool profiles_get_service(const char *profile, const char *path, char *out, size_t cap)
{
	return find_in_named(profile, "services", PROFILE_SERVICES, path, out, cap);
}

bool profiles_get_sso(const char *profile, const char *path, char *out, size_t cap)
{
	return find_in_named(profile, "sso_session", PROFILE_SSO_SESSION, path, out, cap) ||
	       profiles_get(profile, path, out, cap);
}

enum exit_status profiles_failed(void)
{
	return g.failed;
}

void profiles_wipe(void)
{
	for (enum profiles_file f = 0; f < PROFILES_FILES; f++)
		wipe(g.file[f].text, g.file[f].len);
}

/* check: the unit tests' harness. A test is a function; its name, given to RUN as a sentence, says what the
 * product does. Output: one line a test; check_done() gives the exit code. A failed CHECK reports and goes
 * on. */
#ifndef SEALTAP_TESTS_CHECK_H
#define SEALTAP_TESTS_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_failures, check_failed_here, check_count;

/* A failed CHECK goes on. For an analyser it is the end: what follows may rely on it. */
#ifdef __clang_analyzer__
#define check_fail() abort()
#else
#define check_fail() (check_failed_here = 1)
#endif

#define CHECK(cond)                                                         \
	do {                                                                \
		if (!(cond)) {                                              \
			printf("  %s:%d: %s\n", __FILE__, __LINE__, #cond); \
			check_fail();                                       \
		}                                                           \
	} while (0)

/* Compares a span with a literal or span and shows both. */
#define CHECK_SPAN(got, want)                                                                               \
	do {                                                                                                \
		struct span got_ = (got), want_ = (want);                                                   \
		if (!span_eq(got_, want_)) {                                                                \
			printf("  %s:%d: got \"%.*s\", want \"%.*s\"\n", __FILE__, __LINE__, (int)got_.len, \
			       got_.len ? (const char *)got_.p : "", (int)want_.len,                        \
			       want_.len ? (const char *)want_.p : "");                                     \
			check_fail();                                                                       \
		}                                                                                           \
	} while (0)

/* ONLY=SENTENCE in the environment: that test alone. */
static inline int check_wanted(const char *sentence)
{
	const char *only = getenv("ONLY");
	return !only || strcmp(only, sentence) == 0;
}

#define RUN(fn, sentence)                                                         \
	do {                                                                      \
		if (!check_wanted(sentence))                                      \
			break;                                                    \
		check_failed_here = 0;                                            \
		fn();                                                             \
		check_count++;                                                    \
		check_failures += check_failed_here;                              \
		printf("%s %s\n", check_failed_here ? "not ok" : "ok", sentence); \
	} while (0)

static inline int check_done(void)
{
	printf("# %d run, %d failed\n", check_count, check_failures);
	return check_failures || !check_count;
}

#endif

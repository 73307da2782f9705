/* Errors: one enum for the whole program, each with a text a person can act on.
 *
 * Every function that can fail returns enum err and is MUST_USE. ERR_OK is 0, so `if (e)` means failure.
 * State machines keep their first error. An illegal transition is a defect of ours, not of the input, and
 * traps.
 */
#ifndef SEALTAP_BASE_ERR_H
#define SEALTAP_BASE_ERR_H

/* name, text: what is wrong, as the end of the sentence "<what failed>: <text>" */
#define ERR_LIST(X)                                                                 \
	X(ERR_OK, "ok")                                                             \
	X(ERR_MORE, "more input is needed")                                         \
	X(ERR_FULL, "the fixed buffer is full")                                     \
	X(ERR_RANGE, "a number is out of range")                                    \
	X(ERR_SYNTAX, "the input does not follow its format")                       \
	X(ERR_TOO_LONG, "the input is longer than allowed")                         \
	X(ERR_UNSUPPORTED, "this variant of the format is not supported")           \
	X(ERR_UNKNOWN_KEY, "the key is not known")                                  \
	X(ERR_DUPLICATE, "the same thing is given twice")                           \
	X(ERR_EXCLUSIVE, "it excludes another value that is given")                 \
	X(ERR_MISSING, "a required value is missing")                               \
	X(ERR_AUTH, "authentication failed")                                        \
	X(ERR_COMMITMENT, "the key commitment does not match")                      \
	X(ERR_CHECKSUM, "the checksum does not match")                              \
	X(ERR_COMPRESS, "compression failed")                                       \
	X(ERR_TRUNCATED, "the data ends too early")                                 \
	X(ERR_CERTIFICATE, "the server's certificate is not trusted for this name") \
	X(ERR_TLS, "the TLS session failed")                                        \
	X(ERR_CLOSED, "the peer closed the connection")                             \
	X(ERR_TIMEOUT, "no answer in time")                                         \
	X(ERR_REFUSED, "the peer refused")                                          \
	X(ERR_DENIED, "permission denied")                                          \
	X(ERR_NOT_FOUND, "not found")                                               \
	X(ERR_CONFLICT, "it exists already")                                        \
	X(ERR_EXPIRED, "it has expired")                                            \
	X(ERR_CLOCK, "the clock shows a time before this program was built")        \
	X(ERR_THROTTLED, "the service asks to slow down")                           \
	X(ERR_SERVICE, "the service answered with an error")                        \
	X(ERR_PROTOCOL, "the peer broke the protocol")                              \
	X(ERR_SYSTEM, "a system call failed")                                       \
	X(ERR_RESET, "the peer reset the connection")                               \
	X(ERR_UNREACHABLE, "the host cannot be reached")                            \
	X(ERR_LOST, "data was lost")                                                \
	X(ERR_DEVICE, "the device failed")                                          \
	X(ERR_NO_SPACE, "no space is left on the device")

enum err {
#define X(name, text) name,
	ERR_LIST(X)
#undef X
		ERR_COUNT
};

#define MUST_USE __attribute__((warn_unused_result))

/* The one error idiom: leave the function with the callee's error. Of another type than enum err, as read()'s
 * or a bool, it does not compile. */
#define TRY(expr)                                                                                        \
	do {                                                                                             \
		_Static_assert(__builtin_types_compatible_p(__typeof__(expr), enum err), "an enum err"); \
		enum err try_err_ = (expr);                                                              \
		if (try_err_)                                                                            \
			return try_err_;                                                                 \
	} while (0)

/* Text for e, never NULL; static. An unknown number gives "unknown error". */
const char *err_text(enum err e);

/* Stops the process at once: a broken invariant of our own. Never used on bad input. */
_Noreturn void trap(void);

#define ASSERT(cond)            \
	do {                    \
		if (!(cond))    \
			trap(); \
	} while (0)

#endif

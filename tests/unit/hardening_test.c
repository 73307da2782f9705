/* hardening_test: which mounts allow more than they need. */
#include "role/init/hardening.h"

#include "check.h"

#define ROOT "/root.erofs / erofs ro,nosuid,nodev,relatime,user_xattr,acl,cache_strategy=readaround 0 0\n"
#define DEV "devtmpfs /dev devtmpfs ro,nosuid,noexec,relatime,size=228524k,mode=755 0 0\n"
#define PROC "proc /proc proc rw,nosuid,nodev,noexec,relatime,hidepid=invisible 0 0\n"

static const char *places, *open_ones;

static void judge(const char *table)
{
	static uint8_t a[128], b[128];
	struct buf p = buf_over(a, sizeof(a)), o = buf_over(b, sizeof(b));
	hardening_judge(span_str(table), &p, &o);
	places = buf_cstr(&p);
	open_ones = buf_cstr(&o);
}

static void tight(void)
{
	judge(ROOT DEV PROC);
	CHECK_SPAN(span_str(places), span_str("/ /dev /proc"));
	CHECK_SPAN(span_str(open_ones), span_str(""));
}

/* Each word that a mount needs, taken away. */
static void one_word_less(void)
{
	static const struct {
		const char *table, *at;
	} cases[] = {
		{"a / erofs rw,nosuid,nodev 0 0\n", "/"},
		{"a / erofs ro,nodev 0 0\n", "/"},
		{"a / erofs ro,nosuid 0 0\n", "/"},
		{"d /dev devtmpfs rw,nosuid,noexec 0 0\n", "/dev"},
		{"d /dev devtmpfs ro,noexec 0 0\n", "/dev"},
		{"d /dev devtmpfs ro,nosuid 0 0\n", "/dev"},
		{"p /proc proc rw,nodev,noexec 0 0\n", "/proc"},
		{"p /proc proc rw,nosuid,noexec 0 0\n", "/proc"},
		{"p /proc proc rw,nosuid,nodev 0 0\n", "/proc"},
		{"t /run tmpfs rw,nosuid,nodev,noexec 0 0\n", "/run"},
		{"t /run tmpfs ro,nosuid,noexec 0 0\n", "/run"},
		{"t /run tmpfs relatime,robust,nosuid,nodev,noexec 0 0\n", "/run"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		judge(cases[i].table);
		CHECK_SPAN(span_str(open_ones), span_str(cases[i].at));
	}
}

static void several(void)
{
	judge(ROOT "t /a tmpfs rw 0 0\n" PROC "t /b tmpfs rw 0 0");
	CHECK_SPAN(span_str(places), span_str("/ /a /proc /b"));
	CHECK_SPAN(span_str(open_ones), span_str("/a /b"));
}

static void garbage(void)
{
	judge("\n \nx\n");
	CHECK(strlen(open_ones) > 0);
}

int main(void)
{
	RUN(tight, "the image's own mounts allow nothing that they need not");
	RUN(one_word_less, "a mount that lacks one of nosuid, nodev, noexec and ro is told");
	RUN(several, "each mount is named, and each that allows too much");
	RUN(garbage, "a line that is no mount is told, not taken for a tight one");
	return check_done();
}

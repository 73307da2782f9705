#include "aws/s3_list.h"

#include "check.h"
#include "noise.h"

static struct s3_list list;
static char told[4096]; /* key,version,size,modified s,latest,marker,class; */
static size_t told_len;
static unsigned most; /* entries that are wanted */

static bool take(void *arg, const struct s3_list_entry *e)
{
	unsigned *count = arg;
	told_len +=
		(size_t)snprintf(told + told_len, sizeof(told) - told_len, "%.*s,%.*s,%llu,%llu,%d,%d,%.*s;",
				 (int)e->key.len, (const char *)e->key.p, (int)e->version.len,
				 (const char *)e->version.p, (unsigned long long)e->size_bytes,
				 (unsigned long long)(e->modified_ns / 1000000000), e->is_latest,
				 e->is_marker, (int)e->storage_class.len, (const char *)e->storage_class.p);
	return ++*count < most;
}

static enum err read_in(enum s3_list_kind kind, struct span text, size_t first, size_t step)
{
	unsigned count = 0;
	told_len = 0;
	told[0] = 0;
	memset(&list, 0xa5, sizeof(list));
	s3_list_begin(&list, kind, take, &count);
	enum err e = ERR_OK;
	for (size_t n = first; text.len && !e; n = step) {
		e = s3_list_feed(&list, span_first(text, n));
		text = span_from(text, n);
	}
	return e ? e : s3_list_end(&list);
}

/* Whole, in single bytes and at every way to cut it in two. */
static enum err read_page(enum s3_list_kind kind, const char *text, const char *want)
{
	struct span s = span_str(text);
	most = 1000;
	enum err e = read_in(kind, s, s.len, 1);
	CHECK(e || !strcmp(told, want));
	if (!e && strcmp(told, want) != 0)
		printf("  got %s\n", told);
	for (size_t cut = 0; cut < s.len; cut++) {
		CHECK(read_in(kind, s, cut ? cut : 1, cut ? s.len : 1) == e);
		CHECK(e || !strcmp(told, want));
	}
	return e;
}

static const char objects[] =
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	"<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name><Prefix>p</Prefix>"
	"<NextContinuationToken>1/x+y==</NextContinuationToken><KeyCount>2</KeyCount>"
	"<IsTruncated>true</IsTruncated>"
	"<Contents><Key>p%2Fa+b%2B%C3%A4</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>"
	"<ETag>&quot;e1&quot;</ETag><ChecksumAlgorithm>SHA256</ChecksumAlgorithm><Size>42</Size>"
	"<StorageClass>DEEP_ARCHIVE</StorageClass><Owner><ID>o</ID></Owner></Contents>"
	"<Contents><Key>p/c</Key><LastModified>2026-01-02T03:04:06.000Z</LastModified>"
	"<ETag>&quot;e2&quot;</ETag>"
	"<Size>0</Size></Contents></ListBucketResult>";

static void reads_objects(void)
{
	CHECK(read_page(S3_LIST_OBJECTS, objects,
			"p/a b+\xc3\xa4,,42,1767323045,0,0,DEEP_ARCHIVE;p/c,,0,1767323046,0,0,;") == ERR_OK);
	CHECK(list.more);
	CHECK_SPAN(buf_span(&list.token), SPAN("1/x+y=="));
	CHECK(read_page(S3_LIST_OBJECTS,
			"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>",
			"") == ERR_OK &&
	      !list.more);
}

static void reads_versions(void)
{
	static const char text[] =
		"<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>p%2Fb</NextKeyMarker>"
		"<NextVersionIdMarker>v9</NextVersionIdMarker>"
		"<DeleteMarker><Key>p/a</Key><VersionId>v3</VersionId><IsLatest>true</IsLatest>"
		"<LastModified>2026-01-02T03:04:07.000Z</LastModified></DeleteMarker>"
		"<Version><Key>p/a</Key><VersionId>v2</VersionId><IsLatest>false</IsLatest>"
		"<LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>&quot;e&quot;</ETag>"
		"<Size>7</Size>"
		"<StorageClass>GLACIER</StorageClass></Version></ListVersionsResult>";
	CHECK(read_page(S3_LIST_VERSIONS, text,
			"p/a,v3,0,1767323047,1,1,;p/a,v2,7,1767323045,0,0,GLACIER;") == ERR_OK);
	CHECK(list.more);
	CHECK_SPAN(buf_span(&list.token), SPAN("p/b"));
	CHECK_SPAN(buf_span(&list.version), SPAN("v9"));
}

static void reads_folders(void)
{
	CHECK(read_page(S3_LIST_FOLDERS,
			"<ListBucketResult><CommonPrefixes><Prefix>p%2F1/</Prefix></CommonPrefixes>"
			"<CommonPrefixes><Prefix>p/2/</Prefix></CommonPrefixes></ListBucketResult>",
			"p/1/,,0,0,0,0,;p/2/,,0,0,0,0,;") == ERR_OK);
	CHECK(!list.more);
	CHECK(read_page(S3_LIST_VERSION_FOLDERS,
			"<ListVersionsResult><IsTruncated>true</IsTruncated>"
			"<NextKeyMarker>p%2F1/</NextKeyMarker>"
			"<CommonPrefixes><Prefix>p%2F1/</Prefix></CommonPrefixes></ListVersionsResult>",
			"p/1/,,0,0,0,0,;") == ERR_OK);
	CHECK(list.more);
	CHECK_SPAN(buf_span(&list.token), SPAN("p/1/"));
}

static void stops_when_told(void)
{
	most = 1;
	CHECK(read_in(S3_LIST_OBJECTS, span_str(objects), sizeof(objects), 1) == ERR_OK && list.stopped);
	CHECK(!strchr(strchr(told, ';') + 1, ';'));
}

static void refuses_others(void)
{
#define ENTRY(inside) "<ListBucketResult><Contents>" inside "</Contents></ListBucketResult>"
#define TIME "<LastModified>2026-01-02T03:04:05Z</LastModified>"
	static const char *const bad[] = {
		ENTRY(TIME "<Size>1</Size>"),
		ENTRY("<Key></Key>" TIME "<Size>1</Size>"),
		ENTRY("<Key>a</Key>" TIME),
		ENTRY("<Key>a</Key><Size>1</Size>"),
		ENTRY("<Key>a</Key>" TIME "<Size>-1</Size>"),
		ENTRY("<Key>a</Key>" TIME "<Size>9223372036854775808</Size>"),
		ENTRY("<Key>a%2</Key>" TIME "<Size>1</Size>"),
		ENTRY("<Key>a%zz</Key>" TIME "<Size>1</Size>"),
		ENTRY("<Key>a</Key><Key>b</Key>" TIME "<Size>1</Size>"),
		ENTRY("<Key>a<b/></Key>" TIME "<Size>1</Size>"),
		"<ListBucketResult><IsTruncated>maybe</IsTruncated></ListBucketResult>",
		"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
		"<ListBucketResult>",
		"",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(read_page(S3_LIST_OBJECTS, bad[i], "") != ERR_OK);
}

/* A thousand entries with keys of the greatest length, each character encoded. */
static void reads_the_longest_page(void)
{
	static char text[4 * 1048576];
	static unsigned count;
	struct buf b = BUF_OF(text);
	count = 0;
	most = 1u << 30;
	buf_str(&b, "<ListBucketResult>");
	for (unsigned i = 0; i < 1000; i++) {
		buf_str(&b, "<Contents><Key>");
		for (unsigned k = 0; k < S3_LIST_KEY_MAX; k++)
			buf_str(&b, "%2F");
		buf_str(&b, "</Key>" TIME "<Size>1</Size></Contents>");
	}
	buf_str(&b, "</ListBucketResult>");
	CHECK(!b.overflow);
	told_len = sizeof(told) - 1;
	s3_list_begin(&list, S3_LIST_OBJECTS, NULL, &count);
	list.stopped = true; /* nothing is told */
	CHECK(s3_list_feed(&list, buf_span(&b)) == ERR_OK && s3_list_end(&list) == ERR_OK);
}

static void check_query(struct s3_list_query q, const char *want)
{
	uint8_t text[S3_LIST_QUERY_MAX];
	struct buf b = BUF_OF(text);
	CHECK(s3_list_query(&q, &b) == ERR_OK);
	CHECK_SPAN(buf_span(&b), span_str(want));
	struct buf small = buf_over(text, strlen(want) - 1);
	CHECK(s3_list_query(&q, &small) == ERR_FULL);
}

static void asks(void)
{
	check_query((struct s3_list_query){S3_LIST_OBJECTS, SPAN("p/q r"), SPAN("p/2"), SPAN(""), SPAN("")},
		    "encoding-type=url&list-type=2&prefix=p%2Fq%20r&start-after=p%2F2");
	check_query((struct s3_list_query){S3_LIST_OBJECTS, SPAN("p"), SPAN("p/2"), SPAN("1/x+="), SPAN("")},
		    "continuation-token=1%2Fx%2B%3D&encoding-type=url&list-type=2&prefix=p");
	check_query((struct s3_list_query){S3_LIST_FOLDERS, SPAN("p/"), SPAN(""), SPAN(""), SPAN("")},
		    "delimiter=%2F&encoding-type=url&list-type=2&prefix=p%2F");
	check_query((struct s3_list_query){S3_LIST_VERSIONS, SPAN("p"), SPAN(""), SPAN("k"), SPAN("v")},
		    "encoding-type=url&key-marker=k&prefix=p&version-id-marker=v&versions=");
	check_query((struct s3_list_query){S3_LIST_VERSION_FOLDERS, SPAN("p"), SPAN(""), SPAN("p/1/"),
					   SPAN("")},
		    "delimiter=%2F&encoding-type=url&key-marker=p%2F1%2F&prefix=p&versions=");
}

/* Whatever is changed in a page, its reading ends, and the same in pieces as whole. */
static void mutated_pages(void)
{
	static char text[sizeof(objects)];
	most = 1000;
	for (unsigned i = 0; i < 3000; i++) {
		memcpy(text, objects, sizeof(text));
		for (unsigned k = 0; k <= noise_below(3); k++)
			text[noise_below(sizeof(text) - 1)] = (char)noise_u64();
		struct span s = span_of(text, sizeof(text) - 1);
		enum err e = read_in(S3_LIST_OBJECTS, s, s.len, 1);
		CHECK(read_in(S3_LIST_OBJECTS, s, 1 + noise_below(s.len), 7) == e);
	}
}

int main(void)
{
	RUN(reads_objects, "a page of objects reads the same however it is cut");
	RUN(reads_versions, "a page of versions has delete markers and what comes behind it");
	RUN(reads_folders, "a page of folders gives their prefixes");
	RUN(stops_when_told, "after a no the rest of a page is not told");
	RUN(refuses_others, "an entry without key, time or size ends the reading of a page");
	RUN(reads_the_longest_page, "a page of the longest keys is read");
	RUN(asks, "queries for pages are sorted and encoded");
	RUN(mutated_pages, "a mutated page reads the same in pieces as whole");
	return check_done();
}

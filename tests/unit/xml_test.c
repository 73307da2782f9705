#include "aws/xml.h"

#include "check.h"
#include "noise.h"

static uint8_t mem[256];
static struct buf out;

/* In pieces of `first`, then `step` bytes. */
static enum err find_in(struct span text, const char *path, size_t first, size_t step)
{
	out = BUF_OF(mem);
	struct xml_wanted w = {.path = path, .out = &out};
	struct xml_reader r;
	xml_begin(&r, &w, 1);
	for (size_t n = first; text.len; n = step) {
		CHECK(xml_feed(&r, span_first(text, n)) == r.error);
		text = span_from(text, n);
	}
	enum err e = xml_end(&r);
	CHECK(xml_end(&r) == e && (!e || w.result == e));
	return w.result;
}

/* The same for the whole text, single bytes and every way to cut it in two. */
static enum err find(const char *text, const char *path)
{
	struct span s = span_str(text);
	out = BUF_OF(mem);
	enum err e = xml_find_text(s, path, &out);
	struct buf whole = out;
	uint8_t copy[sizeof(mem)];
	memcpy(copy, mem, whole.len);
	for (size_t cut = 0; cut < s.len; cut++) {
		CHECK(find_in(s, path, cut ? cut : 1, cut ? SIZE_MAX : 1) == e);
		CHECK(e || span_eq(buf_span(&out), span_of(copy, whole.len)));
	}
	out = whole;
	memcpy(mem, copy, whole.len);
	return e;
}

static const char s3_error[] =
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	"<Error><Code>NoSuchBucket</Code><Message>The &quot;bucket&quot; &lt;x&gt; doesn&apos;t "
	"exist &amp; never&#32;did&#x2E;</Message><BucketName/><RequestId>4442587FB7D0A2F9</RequestId>"
	"<HostId></HostId></Error>\n";

static void reads_error_documents(void)
{
	CHECK(find(s3_error, "Error/Code") == ERR_OK);
	CHECK_SPAN(buf_span(&out), SPAN("NoSuchBucket"));
	CHECK(find(s3_error, "Error/Message") == ERR_OK);
	CHECK_SPAN(buf_span(&out), SPAN("The \"bucket\" <x> doesn't exist & never did."));
	CHECK(find(s3_error, "Error/RequestId") == ERR_OK);
	CHECK_SPAN(buf_span(&out), SPAN("4442587FB7D0A2F9"));
	CHECK(find(s3_error, "Error/BucketName") == ERR_OK && out.len == 0);
	CHECK(find(s3_error, "Error/HostId") == ERR_OK && out.len == 0);
	CHECK(find(s3_error, "Error/Region") == ERR_MISSING);
	CHECK(find(s3_error, "Code") == ERR_MISSING);
	CHECK(find(s3_error, "Erro/Code") == ERR_MISSING);
	CHECK(find(s3_error, "Error/Code/Code") == ERR_MISSING);
}

static void reads_by_path(void)
{
	const char *doc =
		"<!-- c -->\n<a x=\"1\" y = '&lt;\"'>t<b><c>1</c><!-- - --></b ><d><b><c>2</c></b></d>\n"
		"<e><c>3</c></e></a> <!---->";
	CHECK(find(doc, "a/b/c") == ERR_OK);
	CHECK_SPAN(buf_span(&out), SPAN("1"));
	CHECK(find(doc, "a/d/b/c") == ERR_OK);
	CHECK_SPAN(buf_span(&out), SPAN("2"));
	CHECK(find(doc, "a/e/c") == ERR_OK);
	CHECK_SPAN(buf_span(&out), SPAN("3"));
	CHECK(find(doc, "a/c") == ERR_MISSING);
	CHECK(find("<a>x<!-- y -->z</a>", "a") == ERR_OK);
	CHECK_SPAN(buf_span(&out), SPAN("xz"));
	CHECK(find("<a/>", "a") == ERR_OK && out.len == 0);
	CHECK(find("<a>\xc3\xa4&#228;&#xE4;&#x20aC;&#128512;&#x0000000041;</a>", "a") == ERR_OK);
	CHECK_SPAN(buf_span(&out), SPAN("\xc3\xa4\xc3\xa4\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"
					"A"));
	CHECK(find("<a>]]&gt;]] ></a>", "a") == ERR_OK);
	CHECK_SPAN(buf_span(&out), SPAN("]]>]] >"));
	CHECK(find("<a x='1' y=\"1\"><b x='2'/></a>", "a/b") == ERR_OK);
}

static void refuses_ambiguity(void)
{
	CHECK(find("<a><b>1</b><b>2</b></a>", "a/b") == ERR_DUPLICATE);
	CHECK(find("<a><b><c>1</c></b><b><c>2</c></b></a>", "a/b/c") == ERR_DUPLICATE);
	CHECK(find("<a><b>1<c/></b></a>", "a/b") == ERR_SYNTAX);
}

static const char *const malformed[] = {
	"",
	" ",
	"text",
	"<a>",
	"</a>",
	"<a></b>",
	"<a></a></a>",
	"<a></a><a></a>",
	"<a></a>x",
	"x<a></a>",
	"<a",
	"<a x></a>",
	"<a x=1></a>",
	"<a x=\"1></a>",
	"<a x=\"1\"y=\"2\"></a>",
	"<a x=\"<\"></a>",
	"<a x=\"&bad;\"></a>",
	"< a></a>",
	"<1a></1a>",
	"<a></ a>",
	"<a>&</a>",
	"<a>&amp</a>",
	"<a>&bad;</a>",
	"<a>&#;</a>",
	"<a>&#x;</a>",
	"<a>&#x0;</a>",
	"<a>&#1;</a>",
	"<a>&#xg;</a>",
	"<a>\001</a>",
	"<a>\xff</a>",
	"<a><!-- -- --></a>",
	"<a><!--",
	"<a/",
	"<a / >",
	"<?xml version=\"1.0\"",
	"<a>&#-5;</a>",
	"<a>&#xd800;</a>",
	"<a>&#xFFFF;</a>",
	"<a>&#1114112;</a>",
	"<a>&#4294967296;</a>",
	"<a>&#18446744073709551681;</a>",
	"<a>&#x10000000000000041;</a>",
	"<a>\xef\xbf\xbf</a>",
	"<a x=\"\002\"></a>",
	"<a>]]></a>",
	"<a>]]]></a>",
	"<a x='1' y='2' x='3'></a>",
	"<a x='1' x='1'/>",
	"<a></a",
	"<a></a x='1'>",
	"<ab></a>",
	"<a></ab>",
	"<a>\xc3</a>",
	"\xef\xbb\xbf<a/>",
	"<!- x --><a/>",
	"<a/>&amp;",
	"<a?></a>",
	"<?xml",
	"<?xml version='1.0' standalone='yes'?><a/>",
	"<?xml version='1.0' version='1.0'?><a/>",
	"<?xml version='1.0' encoding='UTF-8' encoding='UTF-8'?><a/>",
	"<?xml version='1.0'/><a/>",
};

static void refuses_malformed(void)
{
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		enum err e = find(malformed[i], "a");
		if (e != ERR_SYNTAX)
			printf("  %s: %s\n", malformed[i], err_text(e));
		CHECK(e == ERR_SYNTAX);
	}
	CHECK(find("<?xml version='1.0'?><a/>", "a") == ERR_OK);
	CHECK(find("<?xml  version = \"1.0\"\tencoding='utf-8' ?><a/>", "a") == ERR_OK);
	CHECK(find("<?xml?><a/>", "a") == ERR_SYNTAX);
	CHECK(find("<?xml encoding=\"UTF-8\"?><a/>", "a") == ERR_SYNTAX);
	CHECK(find("<?xml version=\"1.0\"encoding=\"UTF-8\"?><a/>", "a") == ERR_SYNTAX);
	CHECK(find("<?xml version=\"1.0\" encoding=\"UTF-8\"><a/>", "a") == ERR_SYNTAX);
	CHECK(find(" <?xml version=\"1.0\"?><a/>", "a") == ERR_UNSUPPORTED);
	CHECK(find("<?xml version=\"1.1\"?><a/>", "a") == ERR_UNSUPPORTED);
	CHECK(find("<?xml version=\"1.0\" encoding=\"UTF-16\"?><a/>", "a") == ERR_UNSUPPORTED);
	CHECK(find("<!DOCTYPE a><a></a>", "a") == ERR_UNSUPPORTED);
	CHECK(find("<a><![CDATA[x]]></a>", "a") == ERR_UNSUPPORTED);
	CHECK(find("<a><?php ?></a>", "a") == ERR_UNSUPPORTED);
	CHECK(find("<a><![CDATA[]]></a>", "a") == ERR_UNSUPPORTED);
	CHECK(find("<?xml-stylesheet href='x'?><a/>", "a") == ERR_UNSUPPORTED);
}

static void bounds_everything(void)
{
	static char text[XML_BYTES_MAX + 16];
	struct buf b;
	for (unsigned deep = 1; deep <= XML_DEPTH_MAX + 1; deep++) {
		b = BUF_OF(text);
		for (unsigned i = 0; i < deep; i++)
			buf_str(&b, "<x>");
		for (unsigned i = 0; i < deep; i++)
			buf_str(&b, "</x>");
		out = BUF_OF(mem);
		CHECK(xml_find_text(buf_span(&b), "y", &out) ==
		      (deep > XML_DEPTH_MAX ? ERR_TOO_LONG : ERR_MISSING));
	}
	/* Names of the longest kind: of elements, of attributes. */
	for (size_t len = XML_NAMES_MAX - 4; len < XML_NAMES_MAX + 1; len++) {
		b = BUF_OF(text);
		buf_str(&b, "<");
		buf_fill(&b, 'n', len);
		buf_str(&b, "/>");
		CHECK(find_in(buf_span(&b), "y", 5, 7) == (len < XML_NAMES_MAX ? ERR_MISSING : ERR_TOO_LONG));
		b = BUF_OF(text);
		buf_str(&b, "<a ");
		buf_fill(&b, 'n', len - 2);
		buf_str(&b, "=''/>");
		CHECK(find_in(buf_span(&b), "y", 5, 7) == (len < XML_NAMES_MAX ? ERR_MISSING : ERR_TOO_LONG));
	}
	b = BUF_OF(text);
	buf_str(&b, "<a>");
	buf_fill(&b, 'x', XML_BYTES_MAX - 7);
	buf_str(&b, "</a>");
	out = BUF_OF(mem);
	CHECK(xml_find_text(buf_span(&b), "a", &out) == ERR_FULL);
	CHECK(xml_find_text(buf_span(&b), "b", &out) == ERR_MISSING);
	buf_str(&b, "\n");
	CHECK(xml_find_text(buf_span(&b), "b", &out) == ERR_TOO_LONG);
}

static void every_prefix_is_refused(void)
{
	struct span doc = span_str(s3_error);
	for (size_t n = 0; n + 1 < doc.len; n++)
		CHECK(find_in(span_first(doc, n), "Error/Code", 3, 5) == ERR_SYNTAX);
}

/* Several elements in one pass, from pieces of every size. */
static void fills_its_table(void)
{
	struct span doc = span_str(s3_error);
	for (size_t step = 1; step <= doc.len; step++) {
		uint8_t code_text[32], id_text[8];
		struct buf code = BUF_OF(code_text), id = BUF_OF(id_text), none = BUF_OF(mem);
		struct xml_wanted wanted[] = {{.path = "Error/Code", .out = &code},
					      {.path = "Error/RequestId", .out = &id},
					      {.path = "Error", .out = &none}};
		struct xml_reader r;
		enum err e = ERR_OK;
		xml_begin(&r, wanted, 3);
		for (struct span rest = doc; rest.len && !e; rest = span_from(rest, step))
			e = xml_feed(&r, span_first(rest, step));
		CHECK(!e && !xml_end(&r));
		CHECK(!wanted[0].result && wanted[1].result == ERR_FULL && wanted[2].result == ERR_SYNTAX);
		CHECK_SPAN(buf_span(&code), SPAN("NoSuchBucket"));
		CHECK_SPAN(buf_span(&id), SPAN("4442587F"));
	}
}

/* Whether a document is well-formed does not depend on what is looked for. */
static void mutations_are_judged_alike(void)
{
	unsigned good = 0, bad = 0;
	for (unsigned i = 0; i < 100000; i++) {
		char m[sizeof(s3_error)];
		memcpy(m, s3_error, sizeof(m));
		noise_mark(m, sizeof(m) - 1, "<>/&;=\"! -");
		struct span doc = span_of(m, sizeof(m) - 1);
		out = BUF_OF(mem);
		enum err e = xml_find_text(doc, "Error/Code", &out);
		CHECK(find_in(doc, "Error/Code", 1 + noise_below(200), 1 + noise_below(9)) == e);
		enum err other = xml_find_text(doc, "Nothing", &out);
		if (e == ERR_OK || e == ERR_MISSING)
			CHECK(other == ERR_MISSING);
		if (other != ERR_MISSING && other != ERR_OK)
			CHECK(e == other || e == ERR_DUPLICATE || e == ERR_SYNTAX);
		good += !e;
		bad += e != ERR_OK;
	}
	CHECK(good > 1000 && bad > 1000);
}

static char heard[256];
static struct xml_reader *heard_by;

static void hear(void *arg, struct span name, unsigned depth)
{
	struct xml_wanted *w = arg;
	size_t at = strlen(heard);
	snprintf(heard + at, sizeof(heard) - at, "%u%.*s[%.*s]%d;", depth, (int)name.len,
		 (const char *)name.p, (int)w->out->len, (const char *)w->out->p, w->result);
	if (depth == 1)
		xml_again(heard_by, 0);
}

static void repeats(void)
{
	static const char text[] = "<l><e a='1'><k>1</k></e><e><k>2</k><k>3</k></e><e/></l>";
	for (size_t step = 1; step < sizeof(text); step++) {
		struct xml_reader r;
		struct xml_wanted w = {.path = "l/e/k", .out = &out};
		out = BUF_OF(mem);
		heard[0] = 0;
		xml_begin(&r, &w, 1);
		heard_by = &r;
		r.left = hear;
		r.arg = &w;
		for (struct span rest = span_str(text); rest.len; rest = span_from(rest, step))
			CHECK(xml_feed(&r, span_first(rest, step)) == ERR_OK);
		CHECK(xml_end(&r) == ERR_OK);
		char want[128];
		snprintf(want, sizeof(want), "2k[1]0;1e[1]0;2k[2]0;2k[2]%d;1e[2]%d;1e[]%d;0l[]%d;",
			 ERR_DUPLICATE, ERR_DUPLICATE, ERR_MISSING, ERR_MISSING);
		CHECK(!strcmp(heard, want));
	}
	struct xml_reader r;
	xml_begin(&r, NULL, 0);
	r.bytes_max = 3;
	CHECK(xml_feed(&r, SPAN("<a>")) == ERR_OK && xml_feed(&r, SPAN("b")) == ERR_TOO_LONG);
}

int main(void)
{
	RUN(repeats, "elements that repeat are told one by one");
	RUN(reads_error_documents, "S3's error documents give code, message and request id");
	RUN(reads_by_path, "an element is found by its whole path");
	RUN(refuses_ambiguity, "an element that stands twice or has children is refused");
	RUN(refuses_malformed, "malformed documents and unwanted features are refused");
	RUN(bounds_everything, "depth and size are bounded");
	RUN(fills_its_table, "several elements are read in one pass, from pieces of any size");
	RUN(every_prefix_is_refused, "no beginning of a document is taken for a whole one");
	RUN(mutations_are_judged_alike, "a mutated document is judged alike whatever is looked for");
	return check_done();
}

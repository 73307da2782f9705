#include "aws/url.h"

#include "check.h"

static struct url u;

static void reads_addresses(void)
{
	static const struct {
		const char *text, *host, *path;
		uint16_t port;
		bool tls;
	} rows[] = {
		{"http://localhost:4566", "localhost", "/", 4566, false},
		{"HTTPS://S3.Example.COM", "s3.example.com", "/", 443, true},
		{"http://10.0.0.1/", "10.0.0.1", "/", 80, false},
		{"http://[fd00:ec2::23]/v1/x", "[fd00:ec2::23]", "/v1/x", 80, false},
		{"https://[::1]:8443", "[::1]", "/", 8443, true},
		{"http://my_host/a?b=c", "my_host", "/a?b=c", 80, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CHECK(url_read(span_str(rows[i].text), true, &u) == ERR_OK);
		CHECK(!strcmp(u.at.host, rows[i].host) && u.at.port == rows[i].port && u.tls == rows[i].tls);
		CHECK_SPAN(u.path, span_str(rows[i].path));
	}
}

static void refuses_others(void)
{
	static const char *const bad[] = {
		"",
		"s3.example.com",
		"ftp://a",
		"http:/a",
		"http://",
		"http://:80",
		"http://a:",
		"http://a:0",
		"http://a:65536",
		"http://a:x",
		"http://u@a",
		"http://a b",
		"http://a/#f",
		"http://a\n",
		"http://[::1",
		"http://[::1]80",
		"http://[10.0.0.1]",
		"http://[]",
		"http://a\xc3\xa4",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(url_read(span_str(bad[i]), true, &u) != ERR_OK);
	CHECK(url_read(SPAN("http://a/?x"), false, &u) == ERR_SYNTAX);
	CHECK(url_read(SPAN("http://a/?x"), true, &u) == ERR_OK);
}

static void bounds_the_host(void)
{
	char text[400] = "http://";
	for (size_t n = 252; n <= 255; n++) {
		memset(text + 7, 'a', n);
		CHECK((url_read(span_of(text, 7 + n), false, &u) == ERR_OK) == (n <= 253));
	}
	struct span whole = SPAN("https://[fd00:ec2::23]:8443/v1/credentials");
	for (size_t n = 0; n < whole.len; n++)
		CHECK(url_read(span_first(whole, n), true, &u) != ERR_OK || n > 9);
}

int main(void)
{
	RUN(reads_addresses, "a scheme, a host, a port and a path are read");
	RUN(refuses_others, "what is no address, or has a part that none may have, is refused");
	RUN(bounds_the_host, "a host has up to 253 characters, and a beginning of an address is no address");
	return check_done();
}

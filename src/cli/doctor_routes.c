/* The routes of the appliance's VPC: does what is inside leave through the appliance, and come back
 * through it? */
#include <stdio.h>
#include <string.h>

#include "aws/rows.h"
#include "cli/doctor.h"

#define TABLES_MAX 128
#define ROUTES_MAX 1024
#define LINKS_MAX 512
#define TABLE "DescribeRouteTablesResponse/routeTableSet/item/"
#define ROUTE TABLE "routeSet/item/"
#define LINK TABLE "associationSet/item/"
#define ENDPOINT "DescribeVpcEndpointsResponse/vpcEndpointSet/item/"

struct route {
	unsigned table;
	bool dead; /* blackhole */
	char to[64], by[64];
};

/* Of a table with a subnet or a gateway, or with all subnets that have none (main). */
struct link {
	unsigned table;
	bool main;
	char subnet[64], gateway[64];
};

static struct {
	unsigned tables, routes, links;
	char table[TABLES_MAX][64];
	struct route route[ROUTES_MAX];
	struct link link[LINKS_MAX];
	bool endpoint, endpoint_outside;
	char endpoint_id[64];
	int s3_group; /* of the answer */
	const char *outside_table;
} g;

static const struct rows_list table_rows = {
	.group_depth = 2, .row_depth = 2, .count = 1, .column = {TABLE "routeTableId"}};
static const struct rows_list route_rows = {
	.group_depth = 2,
	.row_depth = 4,
	.count = 12,
	.column = {ROUTE "destinationCidrBlock", ROUTE "destinationIpv6CidrBlock",
		   ROUTE "destinationPrefixListId", ROUTE "state", ROUTE "networkInterfaceId",
		   ROUTE "gatewayId", ROUTE "natGatewayId", ROUTE "transitGatewayId",
		   ROUTE "vpcPeeringConnectionId", ROUTE "egressOnlyInternetGatewayId",
		   ROUTE "localGatewayId", ROUTE "carrierGatewayId"},
};
static const struct rows_list link_rows = {
	.group_depth = 2,
	.row_depth = 4,
	.count = 3,
	.column = {LINK "subnetId", LINK "gatewayId", LINK "main"},
};

static void on_table(void *arg, unsigned group, const char *const *v)
{
	(void)arg;
	if (group < TABLES_MAX) {
		snprintf(g.table[group], sizeof(g.table[0]), "%s", v[0]);
		g.tables = group + 1;
	}
}

static void on_route(void *arg, unsigned group, const char *const *v)
{
	(void)arg;
	const char *to = "", *by = "";
	for (unsigned i = 0; i < 3 && !*to; i++)
		to = v[i];
	for (unsigned i = 4; i < route_rows.count && !*by; i++)
		by = v[i];
	if (group >= TABLES_MAX || g.routes == ROUTES_MAX || !*to || !strcmp(by, "local"))
		return;
	struct route *r = &g.route[g.routes++];
	r->table = group;
	r->dead = !strcmp(v[3], "blackhole");
	snprintf(r->to, sizeof(r->to), "%s", to);
	snprintf(r->by, sizeof(r->by), "%s", *by ? by : "elsewhere");
}

static void on_link(void *arg, unsigned group, const char *const *v)
{
	(void)arg;
	if (group >= TABLES_MAX || g.links == LINKS_MAX)
		return;
	struct link *l = &g.link[g.links++];
	l->table = group;
	snprintf(l->subnet, sizeof(l->subnet), "%s", v[0]);
	snprintf(l->gateway, sizeof(l->gateway), "%s", v[1]);
	l->main = !strcmp(v[2], "true");
}

static const struct route *find_route(unsigned table, const char *to)
{
	for (unsigned i = 0; i < g.routes; i++)
		if (g.route[i].table == table && !strcmp(g.route[i].to, to))
			return &g.route[i];
	return NULL;
}

/* The subnet's own table, or the main one; TABLES_MAX: not known. */
static unsigned table_of(const char *subnet)
{
	unsigned main = TABLES_MAX;
	for (unsigned i = 0; i < g.links; i++) {
		if (*subnet && !strcmp(g.link[i].subnet, subnet))
			return g.link[i].table;
		if (g.link[i].main && !g.link[i].subnet[0])
			main = g.link[i].table;
	}
	return main;
}

static const char *name_of(unsigned table)
{
	return table < TABLES_MAX ? g.table[table] : "";
}

/* ---- what is to be seen */

static bool is_own(const struct doctor *d, const char *by)
{
	for (unsigned i = 0; i < DOCTOR_INTERFACES_MAX; i++)
		if (d->interface[i].there && !strcmp(d->interface[i].id, by))
			return true;
	return false;
}

static void look_inside(const struct doctor *d, unsigned table)
{
	const struct route *r = find_route(table, "0.0.0.0/0");
	const char *subnet = d->interface[1].subnet, *inside = d->interface[1].id;
	if (!r)
		doctor_tell(DOCTOR_PROBLEM, DOCTOR_ROUTE_INSIDE, name_of(table),
			    "no default route for the inside subnet %s: nothing goes through the appliance",
			    subnet);
	else if (strcmp(r->by, inside) != 0)
		doctor_tell(DOCTOR_PROBLEM, DOCTOR_ROUTE_INSIDE, name_of(table),
			    "0.0.0.0/0 of the inside subnet %s leads to %s, around the appliance", subnet,
			    r->by);
	else if (r->dead)
		doctor_tell(DOCTOR_PROBLEM, DOCTOR_ROUTE_INSIDE, name_of(table),
			    "0.0.0.0/0 leads to %s, which is a black hole", r->by);
	else
		doctor_tell(DOCTOR_OK, DOCTOR_ROUTE_INSIDE, name_of(table),
			    "0.0.0.0/0 leads to the inside interface");
}

/* Of a table whose default route leads to the appliance: what does not. */
static unsigned tell_exceptions(const struct doctor *d, unsigned table)
{
	unsigned told = 0;
	for (unsigned i = 0; i < g.routes; i++) {
		const struct route *r = &g.route[i];
		if (r->table != table || is_own(d, r->by))
			continue;
		told++;
		doctor_tell(DOCTOR_PROBLEM, DOCTOR_ROUTE_AROUND, name_of(table),
			    "%s leads to %s, around the appliance", r->to, r->by);
	}
	return told;
}

static unsigned subnets_of(const struct doctor *d, unsigned table)
{
	unsigned n = 0;
	for (unsigned i = 0; i < g.links; i++)
		n += g.link[i].table == table && g.link[i].subnet[0] &&
		     strcmp(g.link[i].subnet, d->interface[0].subnet) != 0 &&
		     strcmp(g.link[i].subnet, d->interface[2].subnet) != 0;
	return n;
}

/* Every table with subnets that are not the appliance's own ways out. */
static void look_around(const struct doctor *d)
{
	unsigned told = 0, behind = 0;
	for (unsigned t = 0; t < g.tables; t++) {
		const struct route *r = find_route(t, "0.0.0.0/0");
		unsigned subnets = subnets_of(d, t);
		if (r && !strcmp(r->by, d->interface[1].id)) {
			behind += subnets;
			told += tell_exceptions(d, t);
		} else if (r && subnets && t != table_of(d->interface[1].subnet)) {
			told++;
			doctor_tell(DOCTOR_WARNING, DOCTOR_ROUTE_AROUND, name_of(t),
				    "0.0.0.0/0 of %u subnets leads to %s: not through the appliance", subnets,
				    r->by);
		}
	}
	if (!told)
		doctor_tell(DOCTOR_OK, DOCTOR_ROUTE_AROUND, d->vpc,
			    "no subnet's traffic goes around the appliance; behind it: %u", behind);
}

static void look_outside(const struct doctor *d, unsigned table)
{
	const struct route *r = find_route(table, "0.0.0.0/0");
	if (!r)
		doctor_tell(DOCTOR_PROBLEM, DOCTOR_ROUTE_OUTSIDE, name_of(table),
			    "no default route for the outside subnet %s", d->interface[0].subnet);
	else if (is_own(d, r->by) || r->dead)
		doctor_tell(DOCTOR_PROBLEM, DOCTOR_ROUTE_OUTSIDE, name_of(table), "0.0.0.0/0 leads to %s%s",
			    r->by, r->dead ? ", which is a black hole" : ", back to the appliance");
	else
		doctor_tell(DOCTOR_OK, DOCTOR_ROUTE_OUTSIDE, name_of(table), "0.0.0.0/0 leads to %s", r->by);
}

/* A gateway's table that leads to the outside interface. */
static void look_back(const struct doctor *d)
{
	const struct route *back = NULL;
	for (unsigned i = 0; i < g.routes; i++)
		if (!strcmp(g.route[i].by, d->interface[0].id))
			back = &g.route[i];
	for (unsigned i = 0; back && i < g.links; i++) {
		if (g.link[i].table != back->table || !g.link[i].gateway[0])
			continue;
		doctor_tell(DOCTOR_OK, DOCTOR_ROUTE_BACK, name_of(back->table),
			    "%s comes to the outside interface by %s", back->to, g.link[i].gateway);
		return;
	}
	if (back)
		doctor_tell(DOCTOR_WARNING, DOCTOR_ROUTE_BACK, name_of(back->table),
			    "it leads %s to the outside interface, but is no gateway's table", back->to);
	else
		doctor_tell(DOCTOR_WARNING, DOCTOR_ROUTE_BACK, d->vpc,
			    "no route leads to the outside interface: answers to an inside host's own public "
			    "address come around the appliance");
}

/* ---- S3's endpoint */

static const struct rows_list endpoint_rows = {
	.group_depth = 2,
	.row_depth = 2,
	.count = 3,
	.column = {ENDPOINT "vpcEndpointId", ENDPOINT "serviceName", ENDPOINT "vpcEndpointType"},
};
static const struct rows_list endpoint_tables = {
	.group_depth = 2, .row_depth = 4, .count = 1, .column = {ENDPOINT "routeTableIdSet/item"}};

static void on_endpoint(void *arg, unsigned group, const char *const *v)
{
	(void)arg;
	if (!span_ends(span_str(v[1]), SPAN(".s3")) || !span_ieq(span_str(v[2]), SPAN("Gateway")))
		return;
	g.endpoint = true;
	g.s3_group = (int)group;
	snprintf(g.endpoint_id, sizeof(g.endpoint_id), "%s", v[0]);
}

static void on_endpoint_table(void *arg, unsigned group, const char *const *v)
{
	(void)arg;
	if ((int)group == g.s3_group && !strcmp(v[0], g.outside_table))
		g.endpoint_outside = true;
}

static void look_at_endpoint(const struct doctor *d, unsigned table)
{
	const char *const pairs[] = {"Filter.1.Name", "vpc-id", "Filter.1.Value.1", d->vpc, NULL};
	struct call c;
	enum err e = doctor_query("ec2", "DescribeVpcEndpoints", pairs, &c);
	g.s3_group = -1;
	g.outside_table = name_of(table);
	if (!e)
		e = c.error = rows_read(c.answer, &endpoint_rows, on_endpoint, NULL);
	if (!e)
		e = c.error = rows_read(c.answer, &endpoint_tables, on_endpoint_table, NULL);
	if (e)
		doctor_unknown(DOCTOR_S3_ENDPOINT, d->vpc, "ec2:DescribeVpcEndpoints", &c);
	else if (!g.endpoint)
		doctor_tell(DOCTOR_WARNING, DOCTOR_S3_ENDPOINT, d->vpc,
			    "there is no gateway endpoint for S3");
	else if (!g.endpoint_outside)
		doctor_tell(DOCTOR_WARNING, DOCTOR_S3_ENDPOINT, g.endpoint_id,
			    "it does not stand in %s, the table by which the appliance ships",
			    g.outside_table);
	else
		doctor_tell(DOCTOR_OK, DOCTOR_S3_ENDPOINT, g.endpoint_id, "stands in %s", g.outside_table);
}

void doctor_routes(const struct doctor *d)
{
	const char *const pairs[] = {"Filter.1.Name", "vpc-id", "Filter.1.Value.1", d->vpc, NULL};
	struct call c;
	enum err e = doctor_query("ec2", "DescribeRouteTables", pairs, &c);
	if (!e)
		e = c.error = rows_read(c.answer, &table_rows, on_table, NULL);
	if (!e)
		e = c.error = rows_read(c.answer, &route_rows, on_route, NULL);
	if (!e)
		e = c.error = rows_read(c.answer, &link_rows, on_link, NULL);
	if (e) {
		doctor_unknown(DOCTOR_ROUTE_INSIDE, d->vpc, "ec2:DescribeRouteTables", &c);
		return;
	}
	bool evidence = d->interface[2].there;
	unsigned ships = table_of(d->interface[evidence ? 2 : 0].subnet);
	if (d->interface[1].there) {
		look_inside(d, table_of(d->interface[1].subnet));
		look_around(d);
	}
	if (d->interface[0].there) {
		look_outside(d, table_of(d->interface[0].subnet));
		look_back(d);
	}
	look_at_endpoint(d, ships);
}

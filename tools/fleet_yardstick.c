/* SPDX-License-Identifier: Apache-2.0
 *
 * What the layout of hosts costs in C, one host after the other: TDMRs, PAMTs with their places,
 * reserved areas, as docs/spec/linux-host.md section 5 has them. The yardstick of `make
 * bench-fleet`, for hosts without reserved memory whose regions are ascending; everything is page
 * frame numbers.
 */
#include <stdint.h>

#define MAX 4096
#define NODES 64

typedef int64_t page;

static const page GIB = 1 << 18, MIB = 1 << 8;
/* NORMAL, DMA32, DMA */
static const page zone_low[3] = {1 << 20, 1 << 12, 0};
static const page zone_high[3] = {(page)1 << 40, 1 << 20, 1 << 12};

struct stretch {
	page start, end;
	int node, zone;
};

struct host {
	page start[MAX], end[MAX]; /* usable regions */
	int node[MAX];
	int regions;
	page base[MAX], top[MAX], chunk[MAX], pages[MAX]; /* TDMRs */
	int home[MAX];
	int tdmrs;
	struct stretch free[3 * MAX];
	int stretches;
	page first[NODES], last[NODES]; /* what each node spans, last 0 where there is none */
};

static page pages_of(page entries, page size)
{
	return (entries * size + 4095) >> 12;
}

static void take_regions(struct host *h, const page *start, const page *end, const page *node,
			 long count)
{
	h->regions = 0;
	for (int n = 0; n < NODES; n++)
		h->last[n] = 0;
	for (long i = 0; i < count; i++) {
		page low = (start[i] + 4095) >> 12, high = end[i] >> 12;
		if (high <= low)
			continue;
		if (!h->last[node[i]])
			h->first[node[i]] = low;
		h->last[node[i]] = high;
		if (low < MIB)
			low = MIB;
		if (high <= low)
			continue;
		h->start[h->regions] = low;
		h->end[h->regions] = high;
		h->node[h->regions++] = (int)node[i];
	}
}

static void cover(struct host *h, page entry)
{
	h->tdmrs = 0;
	for (int i = 0; i < h->regions; i++) {
		page low = h->start[i] & -GIB, high = (h->end[i] + GIB - 1) & -GIB;
		page covered = h->tdmrs ? h->top[h->tdmrs - 1] : 0;
		if (h->tdmrs && high <= covered)
			continue;
		int t = h->tdmrs++;
		h->base[t] = low > covered ? low : covered;
		h->top[t] = high;
		h->home[t] = h->node[i];
		page size = h->top[t] - h->base[t];
		h->pages[t] = pages_of(size, entry) + pages_of(size >> 9, entry) +
			      pages_of(size >> 18, entry);
	}
}

static void find_stretches(struct host *h)
{
	h->stretches = 0;
	for (int i = 0; i < h->regions;) {
		page low = h->start[i], high = h->end[i];
		int node = h->node[i];
		for (i++; i < h->regions && h->start[i] == high && h->node[i] == node; i++)
			high = h->end[i];
		for (int zone = 2; zone >= 0; zone--) {
			page a = low > zone_low[zone] ? low : zone_low[zone];
			page b = high < zone_high[zone] ? high : zone_high[zone];
			if (a < b)
				h->free[h->stretches++] = (struct stretch){a, b, node, zone};
		}
	}
}

static page fit(struct host *h, int node, int zone, page pages)
{
	page low = h->first[node], high = h->last[node];
	if (low < zone_low[zone])
		low = zone_low[zone];
	if (high > zone_high[zone])
		high = zone_high[zone];
	page candidate = (low + pages - 1) & ~(pages - 1);
	if (low >= high || candidate + pages > high)
		return -1;
	page best = -1;
	int in = -1;
	for (int i = 0; i < h->stretches; i++) {
		struct stretch *s = &h->free[i];
		if (s->node != node || s->zone != zone)
			continue;
		page steps = s->start > candidate ? (s->start - candidate + pages - 1) / pages : 0;
		page at = candidate + steps * pages;
		if (at + pages <= s->end && (best < 0 || at < best)) {
			best = at;
			in = i;
		}
	}
	if (in < 0)
		return -1;
	struct stretch whole = h->free[in];
	h->free[in].end = best;
	if (best + pages < whole.end)
		h->free[h->stretches++] =
			(struct stretch){best + pages, whole.end, node, zone};
	return best;
}

static int place(struct host *h, page *by_node)
{
	for (int t = 0; t < h->tdmrs; t++) {
		h->chunk[t] = -1;
		for (int n = 0; n < NODES && h->chunk[t] < 0; n++) {
			int node = (h->home[t] + n) % NODES;
			if (!h->last[node])
				continue;
			for (int zone = 0; zone < 3 && h->chunk[t] < 0; zone++)
				h->chunk[t] = fit(h, node, zone, h->pages[t]);
			if (h->chunk[t] >= 0)
				by_node[node] += h->pages[t];
		}
		if (h->chunk[t] < 0)
			return 0;
	}
	return 1;
}

static int count_areas(struct host *h, int t)
{
	int areas = 0;
	page previous = h->base[t];
	for (int i = 0; i < h->regions && h->start[i] < h->top[t]; i++) {
		if (h->end[i] < h->base[t])
			continue;
		if (h->start[i] > previous)
			areas++;
		previous = h->end[i];
	}
	if (previous < h->top[t])
		areas++;
	for (int c = 0; c < h->tdmrs; c++)
		areas += h->chunk[c] < h->top[t] && h->chunk[c] + h->pages[c] > h->base[t];
	return areas;
}

/* offsets: hosts + 1. start, end: bytes. by_node: 8 a host, in pages. outcome: how the layout ends,
 * as layout.batch.Ends. */
void lay_out(long hosts, const page *offsets, const page *start, const page *end, const page *node,
	     page entry, long max_tdmrs, long max_areas, page *tdmrs, page *areas, page *pamt,
	     page *by_node, int8_t *outcome)
{
	static struct host h;
	for (long i = 0; i < hosts; i++) {
		page from = offsets[i], per_node[NODES] = {0};
		take_regions(&h, start + from, end + from, node + from, offsets[i + 1] - from);
		cover(&h, entry);
		tdmrs[i] = h.tdmrs;
		areas[i] = pamt[i] = 0;
		outcome[i] = 0;
		if (!h.tdmrs) {
			outcome[i] = 1;
		} else if (h.tdmrs > max_tdmrs) {
			outcome[i] = 2;
		} else {
			find_stretches(&h);
			if (!place(&h, per_node))
				outcome[i] = 3;
		}
		for (int n = 0; n < 8; n++)
			by_node[8 * i + n] = per_node[n];
		for (int n = 0; n < NODES; n++)
			pamt[i] += per_node[n];
		for (int t = 0; t < h.tdmrs && !outcome[i]; t++) {
			int needed = count_areas(&h, t);
			if (needed > areas[i])
				areas[i] = needed;
			if (needed > max_areas)
				outcome[i] = 4;
		}
	}
}

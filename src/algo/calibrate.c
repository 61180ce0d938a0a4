/*-------------------------------------------------------------------------
 *
 * calibrate.c
 *	  Scores to probabilities: sigmoid and isotonic curves.
 *
 * sigmoid: p = 1 / (1 + exp(-(a f + b))), f the log odds of the score, fitted
 * by Newton's method with halved steps to targets drawn slightly inwards:
 * (n1 + 1) / (n1 + 2) and 1 / (n0 + 2).  The identity is a = 1, b = 0.
 * isotonic: the ascending step function with the least squared error, by
 * pooling adjacent violators; between its points lies a line.  Several classes
 * have a curve each, against all others; the results are divided by their sum.
 *
 * Sources: J. Platt, "Probabilistic outputs for support vector machines", 1999;
 * H.-T. Lin, C.-J. Lin, R. C. Weng, "A note on Platt's probabilistic outputs",
 * Machine Learning 68, 2007; B. Zadrozny, C. Elkan, "Transforming classifier
 * scores into accurate multiclass probability estimates", KDD 2002.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "algo/calibrate.h"

#define MAX_WIDTH			65536
#define MAX_STEPS			100
#define SCORE_MARGIN		1e-7	/* a forest may say exactly 0 or 1 */

static const char *const method_names[] = {"sigmoid", "isotonic"};

typedef struct Point
{
	double		x;
	double		y;
	double		w;
} Point;

const char *
eg_calibration_name(EgCalibrationMethod method)
{
	return method_names[method];
}

bool
eg_calibration_parse(const char *name, EgCalibrationMethod *method)
{
	int			i;

	for (i = 0; i < lengthof(method_names); i++)
	{
		if (strcmp(name, method_names[i]) == 0)
		{
			*method = (EgCalibrationMethod) i;
			return true;
		}
	}
	return false;
}

static inline double
log_odds(double p)
{
	p = p < SCORE_MARGIN ? SCORE_MARGIN : p > 1 - SCORE_MARGIN ? 1 - SCORE_MARGIN : p;
	return log(p) - log1p(-p);
}

static inline double
logistic(double f)
{
	double		e;

	if (f >= 0)
		return 1 / (1 + exp(-f));
	e = exp(f);
	return e / (1 + e);
}

/* ----------
 * sigmoid
 * ----------
 */

/* Sum of the weighted cross entropies of a line; x is the log odds, y the target. */
static double
line_loss(const Point *p, Size n, double slope, double offset)
{
	double		sum = 0;
	Size		i;

	for (i = 0; i < n; i++)
	{
		double		f = slope * p[i].x + offset;

		sum += p[i].w * ((f > 0 ? f : 0) + log1p(exp(-fabs(f))) - p[i].y * f);
	}
	return sum;
}

static void
fit_line(Point *p, Size n, double total, EgCurve *curve)
{
	double		slope = 0,
				offset,
				loss;
	double		positive = 0;
	int			step;
	Size		i;

	for (i = 0; i < n; i++)
		positive += p[i].w * p[i].y;
	offset = log(positive) - log(total - positive);
	loss = line_loss(p, n, slope, offset);

	for (step = 0; step < MAX_STEPS; step++)
	{
		double		ga = 0,
					gb = 0,
					haa = 1e-12 * total,
					hab = 0,
					hbb = 1e-12 * total,
					det,
					da,
					db,
					size = 1;

		CHECK_FOR_INTERRUPTS();
		for (i = 0; i < n; i++)
		{
			double		q = logistic(slope * p[i].x + offset);
			double		g = p[i].w * (q - p[i].y);
			double		h = p[i].w * q * (1 - q);

			ga += g * p[i].x;
			gb += g;
			haa += h * p[i].x * p[i].x;
			hab += h * p[i].x;
			hbb += h;
		}
		if (fabs(ga) <= 1e-11 * total && fabs(gb) <= 1e-11 * total)
			break;
		det = haa * hbb - hab * hab;
		if (!(det > 0))
			break;
		da = -(hbb * ga - hab * gb) / det;
		db = -(haa * gb - hab * ga) / det;
		while (size >= 1e-10)
		{
			double		next = line_loss(p, n, slope + size * da, offset + size * db);

			if (next <= loss + 1e-4 * size * (ga * da + gb * db))
			{
				slope += size * da;
				offset += size * db;
				loss = next;
				break;
			}
			size /= 2;
		}
		if (size < 1e-10)
			break;				/* as close as the numbers allow */
	}
	curve->slope = slope;
	curve->offset = offset;
}

/* ----------
 * isotonic
 * ----------
 */

static int
by_x(const void *a, const void *b)
{
	const Point *p = a,
			   *q = b;

	if (p->x != q->x)
		return p->x < q->x ? -1 : 1;
	if (p->y != q->y)
		return p->y < q->y ? -1 : 1;
	return p->w < q->w ? -1 : p->w > q->w;
}

/* Pool adjacent violators; p is used up. */
static void
fit_steps(Point *p, Size n, EgCurve *curve)
{
	Size	   *first;			/* of each block, among the distinct x */
	double	   *x;
	Size		distinct = 0,
				blocks = 0,
				keep = 0,
				i,
				b;

	qsort(p, n, sizeof(Point), by_x);
	CHECK_FOR_INTERRUPTS();

	/* equal scores are one point */
	for (i = 0; i < n; i++)
	{
		if (distinct > 0 && p[distinct - 1].x == p[i].x)
		{
			Point	   *last = &p[distinct - 1];

			last->y = (last->y * last->w + p[i].y * p[i].w) / (last->w + p[i].w);
			last->w += p[i].w;
		}
		else
			p[distinct++] = p[i];
	}

	first = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Size) * (distinct + 1));
	x = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * distinct);
	for (i = 0; i < distinct; i++)
		x[i] = p[i].x;

	/* p[0 .. blocks-1] are the blocks so far: level and weight */
	for (i = 0; i < distinct; i++)
	{
		Point		block = p[i];
		Size		start = i;

		while (blocks > 0 && p[blocks - 1].y >= block.y)
		{
			Point	   *last = &p[blocks - 1];

			block.y = (last->y * last->w + block.y * block.w) / (last->w + block.w);
			block.w += last->w;
			start = first[--blocks];
		}
		p[blocks] = block;
		first[blocks++] = start;
	}
	first[blocks] = distinct;

	/* the ends of each block are enough to draw it */
	curve->x = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * 2 * blocks);
	curve->y = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * 2 * blocks);
	for (b = 0; b < blocks; b++)
	{
		Size		last = first[b + 1] - 1;
		double		y = Min(Max(p[b].y, 0), 1);

		curve->x[keep] = x[first[b]];
		curve->y[keep++] = y;
		if (last > first[b])
		{
			curve->x[keep] = x[last];
			curve->y[keep++] = y;
		}
	}
	curve->n = (uint32) keep;
	pfree(first);
	pfree(x);
}

/* ----------
 * Fit and apply
 * ----------
 */

/* Rows of one class against the rest. */
static void
fit_class(EgCalibrationMethod method, const double *truth, const double *score,
		  const double *weight, Size n, int width, int output, EgCurve *curve)
{
	Point	   *p = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Point) * n);
	int			code = width == 1 ? 1 : output;
	double		of_class = 0,
				total = 0;
	Size		used = 0,
				i;

	for (i = 0; i < n; i++)
	{
		double		w = weight ? weight[i] : 1;

		if (w <= 0)
			continue;
		p[used].x = score[i * width + output];
		p[used].y = truth[i] == code;
		p[used].w = w;
		of_class += w * p[used].y;
		total += w;
		used++;
	}
	if (of_class <= 0 || of_class >= total)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("class %d has %s of the %zu rows that calibrate probabilities", code,
						of_class <= 0 ? "none" : "all", n),
				 errdetail("Classes are numbered from 0 in ascending order."),
				 errhint("Use more rows, or leave calibrate out.")));
	if (method == EG_CALIBRATE_ISOTONIC)
		fit_steps(p, used, curve);
	else
	{
		double		high = (of_class + 1) / (of_class + 2);
		double		low = 1 / (total - of_class + 2);

		for (i = 0; i < used; i++)
		{
			p[i].x = log_odds(p[i].x);
			p[i].y = p[i].y > 0 ? high : low;
		}
		fit_line(p, used, total, curve);
	}
	pfree(p);
}

EgCalibration *
eg_calibration_fit(EgCalibrationMethod method, const double *truth, const double *score,
				   const double *weight, Size n, int width)
{
	EgCalibration *c = palloc0(sizeof(EgCalibration));
	int			k;

	c->method = method;
	c->width = width;
	c->nrows = (uint32) Min(n, PG_UINT32_MAX);
	c->curves = palloc0(sizeof(EgCurve) * width);
	for (k = 0; k < width; k++)
		fit_class(method, truth, score, weight, n, width, k, &c->curves[k]);
	return c;
}

static double
read_curve(const EgCalibration *c, const EgCurve *curve, double p)
{
	uint32		lo = 0,
				hi = curve->n - 1;

	if (isnan(p))
		return p;
	if (c->method == EG_CALIBRATE_SIGMOID)
		return logistic(curve->slope * log_odds(p) + curve->offset);
	if (p <= curve->x[0])
		return curve->y[0];
	if (p >= curve->x[hi])
		return curve->y[hi];
	while (hi - lo > 1)
	{
		uint32		mid = lo + (hi - lo) / 2;

		if (curve->x[mid] <= p)
			lo = mid;
		else
			hi = mid;
	}
	return curve->y[lo] +
		(curve->y[hi] - curve->y[lo]) * ((p - curve->x[lo]) / (curve->x[hi] - curve->x[lo]));
}

void
eg_calibration_apply(const EgCalibration *c, Size nrows, double *score)
{
	Size		i;
	int			k;

	for (i = 0; i < nrows; i++, score += c->width)
	{
		double		sum = 0;

		for (k = 0; k < c->width; k++)
			sum += score[k] = read_curve(c, &c->curves[k], score[k]);
		for (k = 0; c->width > 1 && k < c->width; k++)
			score[k] = sum > 0 ? score[k] / sum : 1.0 / c->width;
	}
}

/* ----------
 * Stored form: docs/format.md, section CALB
 * ----------
 */
void
eg_calibration_save(const EgCalibration *c, EgWriter *w)
{
	int			k;
	uint32		i;

	eg_put_u8(w, (uint8) c->method);
	eg_put_u32(w, c->nrows);
	eg_put_u32(w, (uint32) c->width);
	for (k = 0; k < c->width; k++)
	{
		const EgCurve *curve = &c->curves[k];

		if (c->method == EG_CALIBRATE_SIGMOID)
		{
			eg_put_f64(w, curve->slope);
			eg_put_f64(w, curve->offset);
			continue;
		}
		eg_put_u32(w, curve->n);
		for (i = 0; i < curve->n; i++)
		{
			eg_put_f64(w, curve->x[i]);
			eg_put_f64(w, curve->y[i]);
		}
	}
}

static void
load_points(EgReader *r, EgCurve *curve)
{
	uint32		i;

	curve->n = eg_get_count(r, PG_INT32_MAX, 16);
	if (curve->n < 1)
		eg_corrupted(r, "a calibration curve has no points");
	curve->x = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * curve->n);
	curve->y = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * curve->n);
	for (i = 0; i < curve->n; i++)
	{
		curve->x[i] = eg_get_f64(r);
		curve->y[i] = eg_get_f64(r);
		if (!isfinite(curve->x[i]) || !(curve->y[i] >= 0 && curve->y[i] <= 1) ||
			(i > 0 && (curve->x[i] <= curve->x[i - 1] || curve->y[i] < curve->y[i - 1])))
			eg_corrupted(r, "point %u of a calibration curve does not ascend", i);
	}
}

EgCalibration *
eg_calibration_load(EgReader *r)
{
	EgCalibration *c = palloc0(sizeof(EgCalibration));
	int			method = eg_get_u8(r);
	int			k;

	if (method > EG_CALIBRATE_ISOTONIC)
		eg_corrupted(r, "the calibration method is %d", method);
	c->method = (EgCalibrationMethod) method;
	c->nrows = eg_get_u32(r);
	c->width = (int) eg_get_count(r, MAX_WIDTH, 4);
	if (c->width < 1)
		eg_corrupted(r, "the calibration has no curves");
	c->curves = palloc0(sizeof(EgCurve) * c->width);
	for (k = 0; k < c->width; k++)
	{
		EgCurve    *curve = &c->curves[k];

		if (c->method == EG_CALIBRATE_ISOTONIC)
		{
			load_points(r, curve);
			continue;
		}
		curve->slope = eg_get_f64(r);
		curve->offset = eg_get_f64(r);
		if (!isfinite(curve->slope) || !isfinite(curve->offset))
			eg_corrupted(r, "a calibration curve is not finite");
	}
	return c;
}

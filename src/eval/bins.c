/*-------------------------------------------------------------------------
 *
 * bins.c
 *	  Calibration in bins of equal width, lift in slices of equal weight.
 *
 * The bins are those of scikit-learn's calibration_curve: each has its upper
 * edge but not its lower, and the edges are multiples of the same 1/n, so
 * that a probability on an edge falls on the same side in both.
 *
 * Expected calibration error: Naeini, Cooper and Hauskrecht, "Obtaining Well
 * Calibrated Probabilities Using Bayesian Binning", 2015.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "eval/curves.h"

int
eg_bin_of(double p, int n)
{
	double		width = 1.0 / n;
	int			bin;

	if (!(p > 0.0))
		return 0;
	if (p >= 1.0)
		return n - 1;

	/* the product may round to the other side of an edge */
	bin = Min(Max((int) ceil(p * n) - 1, 0), n - 1);
	while (bin > 0 && p <= bin * width)
		bin--;
	while (bin < n - 1 && p > (bin + 1) * width)
		bin++;
	return bin;
}

double
eg_calibration_error(const EgBin *bins, int n)
{
	double		total = 0.0;
	double		sum = 0.0;
	int			i;

	for (i = 0; i < n; i++)
	{
		total += bins[i].weight;
		sum += fabs(bins[i].score - bins[i].truth);
	}
	return total > 0.0 ? sum / total : NAN;
}

void
eg_lift(const EgCurvePoint *points, Size npoints, int n, EgSlice *slices)
{
	double		total = npoints > 0 ? points[npoints - 1].tp + points[npoints - 1].fp : 0.0;
	Size		at = 0;
	double		before = 0.0;	/* positives in the slices already cut */
	int			s;

	for (s = 0; s < n; s++)
	{
		double		end = total * (s + 1) / n;
		double		positives;
		double		left_rows;
		double		left_tp;

		/* the first point at which this slice is full; the last one fills the last slice */
		while (at + 1 < npoints && points[at].tp + points[at].fp < end)
			at++;
		slices[s].weight = total / n;
		slices[s].positives = 0.0;
		slices[s].lowest = NAN;
		if (npoints == 0)
			continue;
		left_rows = at > 0 ? points[at - 1].tp + points[at - 1].fp : 0.0;
		left_tp = at > 0 ? points[at - 1].tp : 0.0;
		positives = s == n - 1 ? points[npoints - 1].tp :
			left_tp + (points[at].tp - left_tp) * (end - left_rows) /
			(points[at].tp + points[at].fp - left_rows);
		slices[s].positives = positives - before;
		slices[s].lowest = points[at].threshold;
		before = positives;
	}
}

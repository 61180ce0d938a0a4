-- the table wdbc, from wdbc.csv
CREATE TABLE wdbc (
	id integer PRIMARY KEY, mean_radius real, mean_texture real, mean_perimeter real, mean_area real, mean_smoothness real,
	mean_compactness real, mean_concavity real, mean_concave_points real, mean_symmetry real, mean_fractal_dimension real,
	radius_error real, texture_error real, perimeter_error real, area_error real, smoothness_error real,
	compactness_error real, concavity_error real, concave_points_error real, symmetry_error real, fractal_dimension_error real,
	worst_radius real, worst_texture real, worst_perimeter real, worst_area real, worst_smoothness real,
	worst_compactness real, worst_concavity real, worst_concave_points real, worst_symmetry real, worst_fractal_dimension real,
	diagnosis text);
-- \copy takes no variables, and the server may not read this directory
\set loaded `"${PSQL:-psql}" -qX -h :'HOST' -p :'PORT' -U :'USER' -d :'DBNAME' -c "\\copy wdbc FROM '${ENGAGE_ROOT:-$PWD}/test/data/wdbc.csv' (FORMAT csv, HEADER)"`

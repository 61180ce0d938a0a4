-- the table telco, from telco_churn.csv
CREATE TABLE telco (
	customer_id integer PRIMARY KEY, churn text, female integer, senior_citizen integer, partner integer,
	dependents integer, tenure integer, phone_service integer, multiple_lines text, internet_service text,
	online_security text, online_backup text, device_protection text, tech_support text, streaming_tv text,
	streaming_movies text, contract text, paperless_billing integer, payment_method text,
	monthly_charges numeric, total_charges numeric);
-- \copy takes no variables, and the server may not read this directory
\set loaded `"${PSQL:-psql}" -qX -h :'HOST' -p :'PORT' -U :'USER' -d :'DBNAME' -c "\\copy telco FROM '${ENGAGE_ROOT:-$PWD}/test/data/telco_churn.csv' (FORMAT csv, HEADER)"`

"""How much one request brings, and how much is asked for at a time."""

# Rows of a list of tests.
PER_PAGE = 25
# A page without news may be luck; two more make sure.
QUIET_PAGES = 3
# TestIO answers bugs unpaged; more tests a call risk its time-out (testio-api: Endpoints).
TESTS_PER_BUG_CALL = 20
# A catalogue takes the product itself, its features and its user stories.
REQUESTS_PER_CATALOGUE = 3
# Beyond so many requests a call leaves the reading to the sync.
MOST_REQUESTS = 10

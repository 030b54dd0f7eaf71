"""Names of testers and of customer users, of many cultures."""

# Given names and family names of one culture are combined with each other only.
_CULTURES = (
    ("Anna Lukas Mia Jonas Käthe", "Müller Schröder Weiß Köhler Vogel"),
    ("Kasia Bartosz Zofia Paweł Ola", "Wiśniewska Kowalczyk Zając Dąbrowska Lis"),
    ("Chidi Ngozi Oluwaseun Amara Tunde", "Okafor Adeyemi Balogun Eze Nwosu"),
    ("Priya Arjun Lakshmi Rohan Meera", "Sharma Iyer Patel Banerjee Nair"),
    ("Mai Linh Minh Thảo Quân", "Nguyễn Trần Phạm Lê Võ"),
    ("Sofía Mateo Lucía Joaquín Inés", "García Fernández Núñez Peña Ibáñez"),
    ("Aylin Emre Zeynep Kerem Defne", "Öztürk Şahin Çelik Koç Güneş"),
    ("さくら 健太 美咲 翔 葵", "山本 佐藤 高橋 伊藤 渡辺"),
    ("Olena Dmytro Iryna Taras Oksana", "Kovalenko Shevchenko Bondar Melnyk Tkachuk"),
    ("Fatima Omar Layla Yusuf Salma", "Haddad El-Amin Nasser Benali Mansour"),
    ("João Beatriz Rui Inês Thiago", "Falcão Carvalho Gonçalves Araújo Simões"),
    ("Aoife Seán Niamh Conor Siobhán", "O'Brien Murphy Ó'Ceallaigh Byrne Walsh"),
)

TESTERS = tuple(
    f"{given} {family}"
    for families_turn in range(5)
    for given_names, families in _CULTURES
    for turn, given in enumerate(given_names.split())
    for family in (families.split()[(turn + families_turn) % 5],)
)

# One name is a tester's too: an answer about people has to say so.
NAMESAKE = "Inês Carvalho"
CUSTOMERS = (
    "Helena Brandt",
    "Marcus Lindqvist",
    "Yuki Tanaka",
    "Daniel Abebe",
    NAMESAKE,
    "Claire Dubois",
    "Tomáš Dvořák",
    "Grace Mwangi",
    "Pedro Salazar",
    "Leila Rahimi",
    "Henrik Aalto",
    "Sunita Rao",
)

TEAM_LEADS = ("Viktor Hale", "Rosa Jiménez", "Emeka Obi")

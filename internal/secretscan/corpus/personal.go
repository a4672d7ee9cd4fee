package corpus

import "strings"

// Keys under which an invalid value is no secret either.
var (
	ssnKeys = []string{"ssn", "SSN", "user_ssn", "social_security", "socialSecurity"}
	cpfKeys = []string{"cpf", "CPF", "cliente_cpf", "cpf_titular"}
)

var personal = map[string]detector{
	"email": {
		value: unkeyed(email),
		keys:  []string{"email", "user_email", "userEmail", "mail", "to", "from", "recipient", "enduser.id"},
		phrases: []string{
			"用户 %{email}，登录成功",
			"Benutzer „%{email}“ gesperrt",
			"{\"to\":[\"%{email}\",\"%{email}\"],\"from\":\"%{email}\"}",
			"smtp: rcpt to:<%{email}> relay=%{ipv4}[%{ipv4}]:25 status=sent",
			"password reset requested for %{email}",
			"user %{email} signed in",
			"mail to <%{email}> bounced: 550 5.1.1",
			"contact %{email}.",
			"To: %{email}, %{email}",
			"SELECT id FROM users WHERE email = '%{email}' LIMIT 1",
			"mailto:%{email}",
			"duplicate key value violates unique constraint: Key (email)=(%{email}) already exists.",
			"%{email}: mailbox full",
		},
		misses: []lookalike{
			{kind: "no domain", phrase: "typed 'user@' and nothing else"},
			{kind: "mention", phrase: "thanks @%{user} for the report"},
			{kind: "package version", phrase: "added @%{noun}/client@%{semver}"},
			{kind: "object identity", phrase: "lock held by java.lang.Object@%{short}"},
			{kind: "image digest", phrase: "pulled %{noun}@sha256:%{sha256}"},
			{kind: "annotation", phrase: "@Transactional on %{noun}Service ignored"},
		},
	},
	"phone": {
		value: func(g *Generator, key string) string {
			if key == "" {
				return international(g)
			}
			return pick(g, international, national)(g)
		},
		keys: []string{"phone", "phone_number", "phoneNumber", "mobile", "tel", "fax", "contact.phone"},
		phrases: []string{
			"téléphone du client : %{phone}",
			"Contact{name=%{user}, email=%{email}, phone=%{phone|phone}}",
			"customer reachable at %{phone}",
			"sent code to %{phone}.",
			"call %{phone|call} for support",
			"tel: %{phone|tel}",
			"phone %{phone|phone}, extension none",
			"sms to %{phone|sms} failed: carrier timeout",
			"mobile=%{phone|mobile};",
			"<tel:%{phone}>",
		},
		misses: []lookalike{
			placeholder("phone", "mobile"),
			{kind: "time zone", phrase: "clock is at 2026-01-02T03:04:05+02:00, zone +0200"},
			{kind: "percentage", phrase: "latency +%{small}.5% against last week"},
			{kind: "order number", value: func(g *Generator) string { return g.number(10) }},
			{kind: "seconds", value: words["seconds"]},
			{kind: "word in a word", phrase: "hotel %{order} booked"},
			{kind: "too short", phrase: "call %{small} of %{small} done"},
			{kind: "no number", phrase: "phone=n/a"},
			{kind: "diff", phrase: "+%{small} -%{small} lines"},
		},
	},
	"us_ssn": {
		value: func(g *Generator, key string) string {
			if key != "" && g.oneIn(3) {
				return strings.ReplaceAll(ssn(g), "-", "")
			}
			return ssn(g)
		},
		keys: ssnKeys,
		phrases: []string{
			"applicant %{us_ssn} verified",
			"ssn %{us_ssn|ssn} not found",
			"SSN: %{us_ssn|ssn}.",
			"social security number %{us_ssn} (masked on display)",
			"WHERE tax_id = '%{us_ssn}'",
		},
		misses: []lookalike{
			{kind: "area 000", keys: ssnKeys, value: func(g *Generator) string { return "000-" + g.chars("123456789", 2) + "-" + g.number(4) }},
			{kind: "area 666", keys: ssnKeys, value: func(g *Generator) string { return "666-" + g.chars("123456789", 2) + "-" + g.number(4) }},
			{kind: "area 9xx", keys: ssnKeys, value: func(g *Generator) string {
				return "9" + g.chars(digit, 2) + "-" + g.chars("123456789", 2) + "-" + g.number(4)
			}},
			{kind: "group 00", keys: ssnKeys, value: func(g *Generator) string { return "1" + g.chars(digit, 2) + "-00-" + g.number(4) }},
			{kind: "serial 0000", keys: ssnKeys, value: func(g *Generator) string { return "1" + g.chars(digit, 2) + "-" + g.chars("123456789", 2) + "-0000" }},
			{kind: "other grouping", value: func(g *Generator) string { return g.number(3) + "-" + g.number(3) + "-" + g.number(3) }},
			{kind: "longer number", value: func(g *Generator) string { return g.number(3) + "-" + g.number(2) + "-" + g.number(5) }},
			{kind: "bare without context", value: func(g *Generator) string { return g.number(9) }},
			{kind: "date", value: words["date"]},
		},
	},
	"nl_bsn": {
		value: unkeyed(bsn),
		keys:  []string{"bsn", "BSN", "burgerservicenummer", "sofinummer"},
		phrases: []string{
			"bsn %{nl_bsn} onbekend",
			"BSN: %{nl_bsn}.",
			"burgerservicenummer %{nl_bsn}, geboortejaar 1980",
			"bsn='%{nl_bsn}'",
			"sofinummer: %{nl_bsn}",
		},
		misses: []lookalike{
			{kind: "wrong check digit", phrase: "bsn %{~bsn} afgekeurd"},
			{kind: "no context", value: bsn},
			{kind: "wrong length", phrase: "bsn 1234567"},
			{kind: "prose", phrase: "bsn lookup took %{ms}"},
		},
	},
	"br_cpf": {
		value: func(g *Generator, key string) string {
			if key != "" && g.oneIn(2) {
				return cpf(g)
			}
			return dotted(cpf(g))
		},
		keys: cpfKeys,
		phrases: []string{
			"cliente %{br_cpf} encontrado",
			"cpf %{br_cpf|cpf} sem cadastro",
			"CPF: %{br_cpf|cpf}.",
			"(cpf=%{br_cpf|cpf})",
			"WHERE documento = '%{br_cpf}'",
		},
		misses: []lookalike{
			{kind: "wrong check digits", keys: cpfKeys, value: func(g *Generator) string { return dotted(wrongCPF(g)) }},
			{kind: "bare without context", value: func(g *Generator) string { return "1" + g.chars(digit, 10) }},
			{kind: "amount", value: func(g *Generator) string { return g.number(3) + "." + g.number(3) + "." + g.number(3) + ",00" }},
		},
	},
	"uk_nhs": {
		value: unkeyed(func(g *Generator) string { return cut(nhs(g), pick(g, "", " ", "-"), []int{3, 3, 4}) }),
		keys:  []string{"nhs", "nhs_number", "nhsNumber", "NHS"},
		phrases: []string{
			"NHS number %{uk_nhs} matched",
			"nhs: %{uk_nhs}.",
			"patient (NHS %{uk_nhs}) admitted",
			"nhs_number='%{uk_nhs}'",
		},
		misses: []lookalike{
			{kind: "wrong check digit", phrase: "NHS number %{~nhs} rejected"},
			{kind: "no context", value: func(g *Generator) string { return "1" + g.chars(digit, 9) }},
			{kind: "prose", phrase: "nhs gateway answered %{status}"},
		},
	},
}

func email(g *Generator) string {
	given, family := pick(g, givenNames...), pick(g, familyNames...)
	local := pick(g,
		given+"."+family, given[:1]+family, given+g.chars(digit, 2), given+"_"+family,
		given+"+"+pick(g, nouns...), strings.ToUpper(given[:1])+given[1:]+"."+family, family+"-"+given, given)
	domain := pick(g, "example.com", "example.org", "mail.example.net", "corp.example.co.uk", "example.de",
		pick(g, nouns...)+"-"+pick(g, familyNames...)+".io", pick(g, familyNames...)+".technology")
	return local + "@" + domain
}

func international(g *Generator) string {
	return pick(g,
		"+1"+g.chars("23456789", 1)+g.chars(digit, 2)+"555"+g.chars(digit, 4),
		"+1 ("+g.chars("23456789", 1)+g.chars(digit, 2)+") 555-"+g.chars(digit, 4),
		"+1-"+g.chars("23456789", 1)+g.chars(digit, 2)+"-555-"+g.chars(digit, 4),
		"+31 6 "+g.chars("12345", 1)+g.chars(digit, 7),
		"+316"+g.chars("12345", 1)+g.chars(digit, 7),
		"+44 20 7946 0"+g.chars(digit, 3),
		"+4420794600"+g.chars(digit, 2),
		"+49 30 "+g.chars("123456789", 1)+g.chars(digit, 6),
		"+33 6 "+cut(g.chars(digit, 8), " ", []int{2, 2, 2, 2}),
		"+91 98"+g.chars(digit, 3)+" "+g.chars(digit, 5),
		"+55 11 9"+g.chars(digit, 4)+"-"+g.chars(digit, 4))
}

func national(g *Generator) string {
	area := g.chars("23456789", 1) + g.chars(digit, 2)
	return pick(g,
		"("+area+") 555-"+g.chars(digit, 4),
		area+"-555-"+g.chars(digit, 4),
		area+".555."+g.chars(digit, 4),
		area+"555"+g.chars(digit, 4),
		"06-"+g.chars("12345", 1)+g.chars(digit, 7),
		"020 7946 0"+g.chars(digit, 3),
		"030 "+g.chars("123456789", 1)+g.chars(digit, 6))
}

func ssn(g *Generator) string {
	for {
		area, group, serial := g.chars("012345678", 1)+g.chars(digit, 2), g.chars(digit, 2), g.chars(digit, 4)
		if area != "000" && area != "666" && group != "00" && serial != "0000" {
			return area + "-" + group + "-" + serial
		}
	}
}

func bsn(g *Generator) string {
	for {
		body := g.chars("1234567", 1) + g.chars(digit, 7)
		if d, ok := bsnDigit(body); ok {
			return body + d
		}
	}
}

func cpf(g *Generator) string {
	for {
		body := g.chars(digit, 9)
		if strings.Trim(body, body[:1]) != "" { // one digit repeated is never issued
			return body + cpfDigits(body)
		}
	}
}

func dotted(number string) string {
	return number[:3] + "." + number[3:6] + "." + number[6:9] + "-" + number[9:]
}

func wrongCPF(g *Generator) string { return wrongLast(cpf(g)) }

func wrongLast(number string) string {
	last := len(number) - 1
	return number[:last] + string('0'+(number[last]-'0'+1)%10)
}

func nhs(g *Generator) string {
	for {
		body := g.chars("4567", 1) + g.chars(digit, 8)
		if d, ok := nhsDigit(body); ok {
			return body + d
		}
	}
}

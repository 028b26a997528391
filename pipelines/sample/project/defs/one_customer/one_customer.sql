-- Everybody we do business with, once: the ERP's customers with what the CRM knows of them, and who is in the CRM only.
WITH people AS (
    SELECT company_id, count(*) AS contacts FROM contacts GROUP BY company_id
),
bought AS (
    SELECT customer_id, count(*) AS orders, max(ordered_at) AS last_order_at FROM orders GROUP BY customer_id
)
SELECT
    'erp:' || c.customer_id AS party,
    c.customer_id,
    l.company_id,
    l.rule,
    c.name,
    coalesce(c.vat_no, k.vat_no) AS vat_no,
    c.country,
    coalesce(c.city, k.city) AS city,
    coalesce(k.domain, nullif(split_part(c.email, '@', 2), '')) AS domain,
    coalesce(p.contacts, 0) AS contacts,
    coalesce(b.orders, 0) AS orders,
    b.last_order_at
FROM customers c
LEFT JOIN customer_links l ON l.customer_id = c.customer_id
LEFT JOIN companies k ON k.company_id = l.company_id
LEFT JOIN people p ON p.company_id = k.company_id
LEFT JOIN bought b ON b.customer_id = c.customer_id
UNION ALL
SELECT
    'crm:' || k.company_id, NULL, k.company_id, NULL, k.name, k.vat_no, k.country, k.city, k.domain,
    coalesce(p.contacts, 0), 0, NULL
FROM companies k
LEFT JOIN people p ON p.company_id = k.company_id
WHERE NOT EXISTS (SELECT 1 FROM customer_links l WHERE l.company_id = k.company_id)

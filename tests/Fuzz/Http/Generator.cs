using System.Net;
using System.Text;
using Fuzz.Inputs;

namespace Fuzz.Http;

/// <summary>Valid requests to every route of both programs, then with up to three things wrong in each.</summary>
internal sealed class Generator(Mutator mutator, Session session)
{
    private static readonly string[] Pages =
        ["/device", "/account", "/account/sign-in", "/account/register", "/account/forgot-password", "/account/reset-password", "/account/confirm-email", "/account/consent",
            "/account/profile", "/account/password", "/account/sessions", "/account/applications", "/account/sign-out"];

    /// <summary>All routes of the IdentityServer; a test compares the list with the served documents.</summary>
    public static readonly string[] IdentityRoutes =
    [
        "/connect/token", "/connect/revoke", "/connect/introspect", "/connect/revocations", "/.well-known/jwks", "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server", "/api/register", "/register", "/auth/register", "/api/token", "/auth/token", "/login", "/auth/login",
        "/logout", "/auth/logout", "/auth/change_password", "/auth/reset_password", "/health/live", "/health/ready", "/openapi/v1.json",
        "/connect/authorize", "/connect/par", "/connect/device_authorization", "/connect/userinfo", "/connect/logout", "/connect/register",
        .. Pages,
    ];

    public static readonly string[] ApiRoutes =
        ["/api/data", "/api/data/{key}", "/health/live", "/health/ready", "/.well-known/oauth-protected-resource", "/openapi/v1.json"];

    private static readonly string[] Methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW", "post", "G\u00e9T", "*"];

    private static readonly string[] ContentTypes =
    [
        "application/json", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "application/json; charset=\"utf-8\"", "application/json;;", "text/plain",
        "multipart/form-data; boundary=x", "multipart/form-data", "application/x-www-form-urlencoded; charset=utf-7", "", ";", "a/b/c", "application/json, application/json", "application/\u00e9",
    ];

    private static readonly (string Name, string Value)[] OddHeaders =
    [
        ("Host", "evil.example"), ("Host", ""), ("Host", "[::1"), ("Origin", "http://localhost:3000"), ("Origin", "null"), ("Origin", "http://\u00e9"), ("Cookie", "a=b; c"),
        ("Accept", "text/html;q=2"), ("Accept-Encoding", "gzip;q=x, br"), ("If-Match", "*"), ("If-Match", "\"0000000000000000\", W/\"x\", ,"), ("If-None-Match", "*"),
        ("If-Modified-Since", "yesterday"), ("Expect", "100-continue"), ("Expect", "miracles"), ("X-Forwarded-For", "1.2.3.4, [::1]:x, unknown"), ("X-Forwarded-Proto", "gopher"),
        ("X-Forwarded-Host", "evil.example\\x"), ("Forwarded", "for=\"_x\";proto=y"), ("Content-Encoding", "gzip"), ("Range", "bytes=5-1,-0"), ("Connection", "upgrade, close"),
        ("Upgrade", "h2c"), ("Upgrade", "websocket"), ("Access-Control-Request-Method", "FOO BAR"), ("Access-Control-Request-Headers", "*, \u00e9"), ("traceparent", "00-0-0-zz"),
        ("baggage", "a=b,=,"), ("X-HTTP-Method-Override", "DELETE"), ("Date", "x"), ("Via", "1.1 \u00ff"), ("Authorization", "Bearer x"), ("Content-Type", "text/plain"),
    ];

    private static readonly (string Name, string Value)[] BrokenFraming =
    [
        ("Content-Length", "-1"), ("Content-Length", "99999999999999999999"), ("Content-Length", "1 1"), ("Content-Length", "0x10"), ("Content-Length", "5, 6"), ("Content-Length", "100000000"),
        ("Transfer-Encoding", "chunked, identity"), ("Transfer-Encoding", "gzip"), ("Transfer-Encoding", "chunked"), ("Bad Name", "x"), ("", "x"), ("X\0", "x"), ("X-Nul", "a\0b"),
        ("X-Bare", "a\rb"), ("X-Bare", "a\nb"), ("X-Split", "a\r\nContent-Length: 7"), ("X-Fold", "a\r\n b"),
    ];

    private static readonly byte[] Claims = """{"userinfo":{"email":null,"a\u0000b":{"essential":true}},"id_token":{"acr":{"values":["1"]}}}"""u8.ToArray();

    private static readonly byte[] ClientMetadata =
        """{"redirect_uris":["https://app.example/cb"],"client_name":"F","grant_types":["authorization_code"],"scope":"openid","token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","note":"\u0000"}]}}"""u8.ToArray();

    public HostileRequest Next()
    {
        var isForApi = mutator.OneIn(3);
        var request = Sound(isForApi, mutator.Pick(isForApi ? ApiRoutes : IdentityRoutes));
        for (var n = mutator.OneIn(8) ? 0 : mutator.Chance.Next(1, 4); n > 0; n--)
            Spoil(request);
        return request;
    }

    private HostileRequest Sound(bool isForApi, string route)
    {
        var isPost = !isForApi && (route is "/connect/token" or "/connect/revoke" or "/connect/introspect" or "/connect/par" or "/connect/device_authorization" or "/connect/register" || (route[1] is 'a' or 'r' or 'l' && !route.StartsWith("/.", StringComparison.Ordinal)));
        var request = new HostileRequest { IsForApi = isForApi, Method = isPost ? "POST" : "GET", Path = route };
        request.Headers.Add(("Host", "localhost"));
        if (isForApi)
            AddData(request);
        else if (Array.IndexOf(Pages, route) >= 0)
            AddPage(request);
        else if (route is "/connect/authorize" or "/connect/logout")
            AddBrowser(request);
        else if (route == "/connect/userinfo")
            request.Headers.Add(("Authorization", mutator.Pick(["Bearer ", "DPoP "]) + session.UserToken));
        else if (route.StartsWith("/connect/", StringComparison.Ordinal) && route != "/connect/register")
            AddForm(request);
        else if (isPost)
            AddJson(request);
        return request;
    }

    /// <summary>A page as a browser asks for it, or its form without an antiforgery token.</summary>
    private void AddPage(HostileRequest request)
    {
        request.Headers.Add(("Accept", "text/html"));
        var isSignedIn = AddCookies(request);
        request.Method = mutator.Pick(["GET", "GET", "POST"]);
        request.Query = mutator.Pick(
        [
            "", "return_url=" + WebUtility.UrlEncode(mutator.DamageText(["/account", "//evil.example", "/\\evil.example", "https://evil.example"])), "user_code=BCDF-GHJK",
            "token=" + WebUtility.UrlEncode(mutator.DamageText(["AAAA"])), "ui_locales=de+xx+\u00e9", "login_hint=%3Cscript%3E",
        ]);
        if (request.Method == "GET")
            return;
        request.Headers.Add(("Content-Type", "application/x-www-form-urlencoded"));
        var antiforgery = isSignedIn && !mutator.OneIn(4) ? session.Antiforgery : mutator.DamageText(["CfDJ8", ""]);
        request.Body = Encoding.UTF8.GetBytes(
            mutator.Pick(
            [
                $"username={session.Name}&password={Session.Password}", "user_code=BCDF-GHJK&decision=allow", "session=" + Guid.Empty, "client_id=spa", "action=allow&request=x",
                "full_name=" + WebUtility.UrlEncode(mutator.DamageText(["F", "\u202e"])) + "&birthdate=2000-01-01&zoneinfo=Europe%2FBerlin&locale=de&picture=https%3A%2F%2Fx.example%2F&website=",
                $"current_password={Session.Password}&new_password={Session.Password}",
            ]) + "&antiforgery=" + WebUtility.UrlEncode(antiforgery));
    }

    /// <summary>A signed-in browser's, for every other request.</summary>
    private bool AddCookies(HostileRequest request)
    {
        if (mutator.OneIn(2))
            return false;
        request.Headers.Add(("Cookie", session.Cookies));
        request.Headers.Add(("User-Agent", mutator.OneIn(3) ? new string('a', mutator.Chance.Next(195, 201)) + "\U0001f600" : "fuzz"));
        return true;
    }

    private void AddBrowser(HostileRequest request)
    {
        request.Headers.Add(("Accept", "text/html"));
        AddCookies(request);
        string[] redirects = ["http://localhost:3000/callback", "http://127.0.0.1:4711/callback", "https://evil.example/"];
        var parameters = request.Path == "/connect/authorize"
            ? "client_id=" + mutator.Pick(["spa", "native", Pair.Client, "x"]) + "&response_type=" + mutator.Pick(["code", "token", "code id_token"])
                + "&redirect_uri=" + WebUtility.UrlEncode(mutator.DamageText(redirects)) + "&scope=openid+" + WebUtility.UrlEncode(mutator.DamageText(["profile", "data:read"]))
                + "&state=" + WebUtility.UrlEncode(mutator.DamageText(["s", "\r\n", "<b>"])) + "&nonce=n&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
                + mutator.Pick(["", "&prompt=none", "&prompt=login+none", "&max_age=0", "&max_age=-1", "&claims=%7B%7D", "&claims=%7B%22id_token%22%3A1%7D", "&claims=" + WebUtility.UrlEncode(Encoding.UTF8.GetString(mutator.DamageJson([Claims]))), "&request=x", "&request_uri=urn%3Ax", "&response_mode=form_post", "&resource=x"])
            : "id_token_hint=" + mutator.Pick([session.UserToken, "a.b.c", ""]) + "&post_logout_redirect_uri=" + WebUtility.UrlEncode(mutator.DamageText(redirects)) + "&client_id=spa&state=s";
        if (mutator.OneIn(2))
        {
            request.Query = parameters;
            return;
        }
        request.Method = "POST";
        request.Headers.Add(("Content-Type", "application/x-www-form-urlencoded"));
        request.Body = Encoding.UTF8.GetBytes(parameters);
    }

    private void AddForm(HostileRequest request)
    {
        var isOfResource = request.Path is "/connect/introspect" or "/connect/revocations";
        request.Headers.Add(("Authorization", "Basic " + (isOfResource ? Pair.Basic(Pair.ResourceClient, Pair.ResourceSecret) : Pair.Basic(Pair.Client, Pair.ClientSecret))));
        if (request.Path == "/connect/revocations")
        {
            // Never a cursor and a wait at once: that may rightly take 30 s.
            var texts = new[] { session.Cursor, "1:2:3", "x", "" };
            request.Query = mutator.OneIn(2)
                ? "after=" + WebUtility.UrlEncode(mutator.DamageText(texts))
                : mutator.Pick(["wait=0", "wait=-1", "wait=x", "wait=5", "wait=99999999999999999999", "wait=%00", "wait=1&wait=2", ""]);
            return;
        }
        request.Headers.Add(("Content-Type", "application/x-www-form-urlencoded"));
        request.Body = Encoding.UTF8.GetBytes(request.Path == "/connect/token"
            ? mutator.Pick(
            [
                "grant_type=client_credentials&scope=data%3Aread", $"grant_type=password&username={session.Name}&password={Session.Password}&scope=data%3Aread+offline_access",
                $"grant_type=refresh_token&refresh_token={session.RefreshToken}", $"grant_type=refresh_token&refresh_token={session.RefreshToken[..^1]}A", "grant_type=authorization_code&code=x",
            ])
            : request.Path is "/connect/par" or "/connect/device_authorization"
            ? mutator.Pick(["client_id=native&scope=openid", "scope=data%3Aread", "response_type=code&redirect_uri=https%3A%2F%2Fevil.example&scope=openid", "request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3Ax"])
            : "token=" + mutator.Pick([session.RefreshToken, session.UserToken, session.ClientToken, "x"]) + "&token_type_hint=" + mutator.Pick(["access_token", "refresh_token", "x"]));
    }

    private void AddJson(HostileRequest request)
    {
        request.Headers.Add(("Content-Type", "application/json"));
        if (request.Path == "/connect/register")
        {
            request.Body = mutator.OneIn(4) ? ClientMetadata : mutator.DamageJson([ClientMetadata]);
            return;
        }
        if (request.Path.EndsWith("logout", StringComparison.Ordinal) || request.Path == "/auth/change_password")
            request.Headers.Add(("Authorization", "Bearer " + session.UserToken));
        var name = session.Name + (mutator.OneIn(3) ? "" : mutator.Chance.Next().ToString(System.Globalization.CultureInfo.InvariantCulture));
        request.Body = Encoding.UTF8.GetBytes(request.Path switch
        {
            "/auth/change_password" => $$"""{"current_password":"{{Session.Password}}","new_password":"{{Session.Password}}2"}""",
            "/auth/reset_password" => mutator.OneIn(2) ? $$"""{"email":"{{session.Name}}@example.com"}""" : $$"""{"email":"{{session.Name}}@example.com","reset_token":"AAAA","new_password":"{{Session.Password}}2"}""",
            "/logout" or "/auth/logout" => "{}",
            var path when path.EndsWith("register", StringComparison.Ordinal) =>
                $$"""{"username":"{{name}}","email":"{{name}}@example.com","password":"{{Session.Password}}","full_name":"F","gender":"x","age":30}""",
            _ => $$"""{"username":"{{session.Name}}","password":"{{Session.Password}}"}""",
        });
    }

    private void AddData(HostileRequest request)
    {
        if (!request.Path.StartsWith("/api/data", StringComparison.Ordinal))
            return;
        request.Headers.Add(("Authorization", "Bearer " + (mutator.OneIn(2) ? session.UserToken : session.ClientToken)));
        var key = mutator.DamageText(["a", "a/b", "käse", "x.y", "%2e%2e"]);
        if (request.Path.EndsWith("{key}", StringComparison.Ordinal))
        {
            request.Path = "/api/data/" + (mutator.OneIn(4) ? key.Replace(' ', '+').Replace("\r\n", "", StringComparison.Ordinal) : WebUtility.UrlEncode(key).Replace("+", "%20", StringComparison.Ordinal));
            request.IsWellFramed = request.Path.All(c => c is > ' ' and < '\x7f');
            request.Method = mutator.Pick(["GET", "PUT", "DELETE"]);
        }
        else if (mutator.OneIn(2))
            request.Method = "POST";
        else
            request.Query = mutator.Pick(["prefix=", "after=", "limit=5&prefix="]) + WebUtility.UrlEncode(key);
        if (request.Method is "GET" or "DELETE")
            return;
        request.Headers.Add(("Content-Type", "application/json"));
        request.Body = mutator.DamageJson([Encoding.UTF8.GetBytes("""{"key":"a","value":"v"}"""), Encoding.UTF8.GetBytes("""{"key":"käse/\u0001","value":"\ud83d\ude00 \u0000"}""")]);
    }

    private void Spoil(HostileRequest request)
    {
        switch (mutator.Chance.Next(10))
        {
            case 0:
                request.Method = mutator.Pick(Methods);
                request.IsWellFramed &= request.Method.All(char.IsAsciiLetterUpper) && request.Method is not ("CONNECT" or "TRACE");
                break;
            case 1:
                request.Path = mutator.DamageText([request.Path]);
                request.IsWellFramed = false;
                break;
            case 2 when request.Path != "/connect/revocations":
                request.Query = mutator.DamageText([request.Query, "access_token=x", "a=b&a=c&client_id=%ff", "limit=99999999999999999999", new string('q', 9000)]);
                request.IsWellFramed = false;
                break;
            case 3:
                request.Headers.RemoveAll(header => header.Name == "Authorization");
                var odd = mutator.DamageText(["Basic c2hvcDpzaG9w", "Basic :", "Bearer " + session.UserToken, "Bearer", "Digest x", "Bearer " + new string('a', 17000)]);
                request.Headers.Add(("Authorization", odd));
                request.IsWellFramed &= odd.All(c => c is >= ' ' and < '\x7f');
                break;
            case 4:
                request.Headers.RemoveAll(header => header.Name == "Content-Type" && mutator.OneIn(2));
                request.Headers.Add(("Content-Type", mutator.Pick(ContentTypes)));
                request.IsWellFramed = false;
                break;
            case 5:
                request.Headers.Add(mutator.Pick(OddHeaders));
                request.IsWellFramed = false;
                break;
            case 6 when mutator.OneIn(3):
                request.Headers.Add(mutator.Pick(BrokenFraming));
                request.HasOwnLength = true;
                request.IsWellFramed = false;
                break;
            case 7 when request.Body is not null:
                request.IsChunked = true;
                break;
            case 8 when mutator.OneIn(10):
                request.Body = Encoding.ASCII.GetBytes(new string('a', mutator.Pick([65536, 65537, 70000, 1 << 20, (1 << 20) + 1])));
                break;
            default:
                if (request.Body is { Length: > 0 })
                    request.Body = request.Body[0] == '{' && !mutator.OneIn(3) && Oracles.Json.Parse(request.Body, Oracles.JsonRules.Strict) is not null ? mutator.DamageJson([request.Body]) : mutator.Damage([request.Body]);
                break;
        }
    }
}

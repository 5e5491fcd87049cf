"""Private MariaDB and MySQL servers on loopback, each in a directory of its own."""

import subprocess
from pathlib import Path

import pymysql

from processes import CACHE, Child, free_port, wait_for

PASSWORD = "dm-pass#7"  # of user dm, over TCP; root comes in by the unix socket, without one
SOURCE_GRANTS = "SELECT, RELOAD, REPLICATION SLAVE, REPLICATION CLIENT"  # what DM's documentation asks for
TARGET_GRANTS = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX"


class Server:
    """What both kinds share. `directory` is ours alone; `options` are added to the command line."""

    flavor = ""

    def __init__(self, directory, server_id=1, binlog=True, grants=SOURCE_GRANTS, options=()):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True)
        self.datadir = self.directory / "data"
        self.socket = self.directory / "s"  # short: a socket path has 107 bytes
        self.log = self.directory / "server.log"
        self.server_id = server_id
        self.binlog = binlog
        self.grants = grants
        self.options = list(options)
        self.port = free_port()
        self.child = None
        self._connection = None
        self._initialize()

    def _run(self, *command):
        done = subprocess.run([str(c) for c in command], capture_output=True, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]}: {(done.stdout + done.stderr).decode()}")

    def _common_options(self):
        options = [
            f"--datadir={self.datadir}",
            f"--socket={self.socket}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--pid-file={self.directory / 'pid'}",
            f"--tmpdir={self.directory}",  # a starting MariaDB removes the temporary tables of all others in /tmp
            f"--server-id={self.server_id}",
            "--user=root",
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
            "--innodb-buffer-pool-size=64M",
            "--innodb-flush-log-at-trx-commit=2",
            "--innodb-doublewrite=0",
            "--max-allowed-packet=1G",
            "--performance-schema=OFF",
            "--default-time-zone=+00:00",
        ]
        if self.binlog:
            options += ["--log-bin=mysql-bin", "--binlog-format=ROW", "--binlog-row-image=FULL", "--sync-binlog=0"]
        return options

    # -- life

    def start(self, *more):
        """Starts the server and waits until it answers. `more` are options for this start only."""
        assert self.child is None or not self.child.is_alive()
        self.child = Child([*self._command(), *self._common_options(), *self.options, *more], self.log)
        wait_for(self._answers, 60, f"{self.directory.name} answers")
        return self

    def _answers(self):
        if not self.child.is_alive():
            raise RuntimeError(f"{self.directory.name} ended at start:\n{self.log.read_text()[-3000:]}")
        try:
            self.connect().close()
            return True
        except pymysql.MySQLError:
            return False

    def stop(self):
        self._forget_connection()
        if self.child and self.child.is_alive():
            self.child.terminate(60)

    def kill(self):
        self._forget_connection()
        self.child.kill()

    def restart(self, *more):
        self.stop()
        return self.start(*more)

    def freeze(self):
        self.child.freeze()

    def thaw(self):
        self.child.thaw()

    def _forget_connection(self):
        if self._connection:
            try:
                self._connection.close()
            except pymysql.MySQLError:
                pass
        self._connection = None

    # -- statements

    def connect(self, **more):
        """A new connection as root over the unix socket."""
        options = dict(unix_socket=str(self.socket), user="root", password="", charset="utf8mb4", autocommit=True,
                       connect_timeout=5, max_allowed_packet=1 << 30)
        return pymysql.connect(**{**options, **more})

    def query(self, sql, args=None):
        """Rows of a statement, on a connection that is kept."""
        for attempt in (1, 2):
            if self._connection is None:
                self._connection = self.connect()
            try:
                with self._connection.cursor() as cursor:
                    cursor.execute(sql, args)
                    return cursor.fetchall()
            except pymysql.OperationalError as e:
                if attempt == 2 or e.args[0] not in (0, 2006, 2013):
                    raise
                self._forget_connection()

    def value(self, sql, args=None):
        rows = self.query(sql, args)
        return rows[0][0] if rows else None

    def execute(self, *statements):
        for sql in statements:
            self.query(sql)

    # -- binlogs

    def binlogs(self):
        """[(name, size)] as the server lists them."""
        return [(row[0], row[1]) for row in self.query("SHOW BINARY LOGS")]

    def binlog_path(self, name):
        return self.datadir / name

    def position(self):
        """(file, position) where the server writes now."""
        return self.query(self.status_statement)[0][:2]

    def flush_binlog(self):
        """Ends the current binlog file; returns the name of the new one."""
        self.query("FLUSH BINARY LOGS")
        return self.position()[0]

    def kill_connections(self, user="dm"):
        ids = [row[0] for row in self.query("SELECT id FROM information_schema.processlist WHERE user=%s", (user,))]
        for number in ids:
            try:
                self.query(f"KILL {number}")
            except pymysql.MySQLError:
                pass  # it has gone by itself
        return len(ids)


class MariaDB(Server):
    """Debian's MariaDB 10.11."""

    flavor = "mariadb"
    status_statement = "SHOW MASTER STATUS"

    def _command(self):
        return ["/usr/sbin/mariadbd", "--no-defaults"]

    def _initialize(self):
        self._run("/usr/bin/mariadb-install-db", "--no-defaults", f"--datadir={self.datadir}", "--user=root",
                  "--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=24M", f"--tmpdir={self.directory}")
        self.options.insert(0, "--innodb-log-file-size=24M")
        self.start("--skip-log-bin")
        self.execute(
            "DELETE FROM mysql.global_priv WHERE User=''",
            "FLUSH PRIVILEGES",
            f"CREATE USER dm@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'",
            f"GRANT {self.grants} ON *.* TO dm@'127.0.0.1'",
        )
        self.stop()

    def gtid(self):
        return self.value("SELECT @@global.gtid_binlog_pos")

    def uuid(self):
        """What names the relay sub-directory of this server."""
        return "%s-%s" % self.query("SELECT @@global.gtid_domain_id, @@global.server_id")[0]


class MySQL(Server):
    """MySQL 9.7 from the private root that tests/install made."""

    flavor = "mysql"
    status_statement = "SHOW BINARY LOG STATUS"

    def _command(self):
        usr = CACHE / "mysql/usr"
        return [CACHE / "mysql/run", "mysqld", "--no-defaults", f"--basedir={usr}",
                f"--lc-messages-dir={usr}/share/mysql", f"--plugin-dir={usr}/lib/mysql/plugin",
                "--secure-file-priv=NULL", "--mysqlx=OFF", "--log-error-verbosity=2"]

    def _initialize(self):
        self.options.insert(0, "--innodb-redo-log-capacity=32M")
        if self.binlog:
            self.options += ["--gtid-mode=ON", "--enforce-gtid-consistency=ON"]
        else:
            self.options += ["--skip-log-bin"]
        self._run(*self._command(), "--initialize-insecure", "--user=root", f"--datadir={self.datadir}",
                  "--innodb-redo-log-capacity=32M")
        self.start()
        # caching_sha2_password, MySQL's default; the statements are kept out of the binlog.
        self.execute(
            "SET sql_log_bin=0",
            f"CREATE USER dm@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'",
            f"GRANT {self.grants} ON *.* TO dm@'127.0.0.1'",
        )
        self.stop()

    def gtid(self):
        return self.value("SELECT @@global.gtid_executed").replace("\n", "")

    def uuid(self):
        return self.value("SELECT @@global.server_uuid")
